"""Messages that wait in the queue of a Postfix instance: taken one at a time, under Postfix's own lock."""

import fcntl
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from failover.handover.errors import HandOverError, Unfit

_TIMEOUT_SECONDS = 30.0
_DELETE_TRIES = 10
_DELETE_PAUSE_SECONDS = 0.05
WAITING = ("deferred", "incoming")
PUT_BACK_SECONDS = 600
"""Twice the longest round: nobody is to try a message while it is handed over."""
_COMPLETE = stat.S_IXUSR
"""Set by Postfix when a queue file has all of its message."""
_SMTPUTF8 = 1
"""The bit in the last field of a queue file's `message_size` record."""
_SIZE_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a message is from, and the recipients that are still to be served."""

    sender: str
    recipients: tuple[str, ...]
    utf8: bool = False
    """It was submitted with SMTPUTF8."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One Postfix instance: its configuration and its queue."""

    configuration: Path
    spool: Path

    def waiting(self) -> list[Path]:
        """The messages that are complete and not under delivery, the oldest first.

        `incoming` holds what the queue manager put back there, and what it has no room for in `active`.
        """
        paths = [
            Path(directory, name)
            for queue in WAITING
            for directory, _, names in os.walk(self.spool / queue)
            for name in names
        ]
        seen = [(found, path) for path in paths if (found := _status(path)) and found.st_mode & _COMPLETE]
        return [path for _, path in sorted(seen, key=lambda one: one[0].st_mtime)]

    def put_back(self) -> int:
        """Take from the queue manager what it means to deliver at some time; returns how many messages.

        They go back to `incoming`, as at its own restart, and it leaves them alone for PUT_BACK_SECONDS: then
        it takes them up by itself, whatever has become of this process. Messages under delivery stay with it.
        The reload makes it forget the others.
        """
        later = time.time() + PUT_BACK_SECONDS
        count = 0
        for path in sorted((self.spool / "active").glob("*")):
            with self.taken(path) as message, suppress(FileNotFoundError):
                if message is not None:
                    os.utime(path, (later, later))
                    path.rename(self.spool / "incoming" / path.name)
                    count += 1
        if count:
            subprocess.run(
                ["postfix", "-c", os.fspath(self.configuration), "reload"],
                capture_output=True,
                check=False,
                timeout=_TIMEOUT_SECONDS,
            )
        return count

    @contextmanager
    def taken(self, path: Path) -> Iterator["Message | None"]:
        """The message in `path`, kept from the queue manager; None when it is gone or under delivery."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            yield Message(self, path.name, file) if _lock(file) and _still_there(path, file) else None
        finally:
            os.close(file)


@dataclass(frozen=True, slots=True)
class Message:
    """A message under lock; `file` is its queue file, open."""

    instance: Instance
    queue_id: str
    file: int

    def envelope(self) -> Envelope:
        """Unfit when the queue file makes no sense."""
        return parse_envelope(self._records("-e").decode("utf-8", "surrogateescape"))

    def content(self) -> bytes:
        """Header and body as they would be delivered, lines ended by LF."""
        return self._records("-hb")

    def delete(self) -> None:
        """Remove it from whatever queue it is in by now; HandOverError when that cannot be done."""
        said = ""
        for _ in range(_DELETE_TRIES):
            said = self._postsuper("-d", self.queue_id)
            if os.fstat(self.file).st_nlink == 0:
                return
            time.sleep(_DELETE_PAUSE_SECONDS)  # the queue manager moved it between two queues
        raise HandOverError(
            f"{self.queue_id} was handed over and cannot be deleted here: {said or 'no reason'}"
        )

    def _postsuper(self, *words: str) -> str:
        """What it says on standard error, or why it could not be run."""
        command = ["postsuper", "-c", os.fspath(self.instance.configuration), *words]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        return done.stderr.strip()

    def _records(self, part: str) -> bytes:
        os.lseek(self.file, 0, os.SEEK_SET)
        command = ["postcat", "-c", os.fspath(self.instance.configuration), part]
        done = subprocess.run(
            command, stdin=self.file, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS
        )
        if done.returncode:
            raise Unfit(f"cannot be read: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


def parse_envelope(text: str) -> Envelope:
    """What `postcat -e` says. Recipients that were served, or have bounced, are left out."""
    sender, recipients, utf8 = None, [], False
    for line in text.splitlines():
        match re.match(r"(\w+): ?(.*)", line):
            case None:
                continue
            case found:
                name, value = found.groups()
        if name == "sender":
            sender = value
        elif name == "recipient":
            recipients.append(value)
        elif name == "message_size" and len(numbers := value.split()) >= _SIZE_FIELDS:
            utf8 = bool(int(numbers[_SIZE_FIELDS - 1]) & _SMTPUTF8)
    if sender is None:
        raise Unfit("has no sender record")
    return Envelope(sender, tuple(dict.fromkeys(recipients)), utf8)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_there(path: Path, file: int) -> bool:
    """Whether it still waits where it was found: not taken up for delivery in the moment before the lock."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
