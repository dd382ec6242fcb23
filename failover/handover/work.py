"""One round of a hand-over: as many messages of each pool as its peers take in the time given."""

import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from failover.handover.errors import HandOverError, PeerError, Unfit
from failover.handover.queue import Envelope, Instance
from failover.handover.settings import Peer
from fleet.return_path import LOCAL_PART

SESSIONS_PER_PEER = 2
MOST_PROBLEMS = 20
_ASK_SECONDS = 0.5


class Waiting(Protocol):
    """A message under lock (`failover.handover.queue.Message`)."""

    @property
    def queue_id(self) -> str: ...

    def envelope(self) -> Envelope: ...

    def content(self) -> bytes: ...

    def delete(self) -> None: ...


class Queue(Protocol):
    """Where messages wait (`failover.handover.queue.Instance`)."""

    def waiting(self) -> list[Path]: ...

    def taken(self, path: Path) -> AbstractContextManager[Waiting | None]: ...


class Sender(Protocol):
    """An open session to a peer."""

    def send(self, envelope: Envelope, content: bytes) -> str:
        """Returns the text of the 250; raises PeerError or Unfit, and nothing was taken then."""


Connect = Callable[[Peer], AbstractContextManager[Sender]]
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Route:
    """Which peers get a pool's mail: all of the first tier alike, the next what these do not take."""

    pool: str
    tiers: Sequence[Sequence[Peer]]


@dataclass(slots=True)
class Round:
    """What a round may do and what it has done; shared by its sessions."""

    connect: Connect
    may_go_on: Callable[[], bool]
    handed: dict[str, Counter[str]] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    """Why mail stayed, in the order met; each once."""
    broken: HandOverError | None = None
    """A message that was handed over could not be deleted: going on would hand it over again."""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def count(self, pool: str, node: str) -> None:
        with self._guard:
            self.handed.setdefault(pool, Counter())[node] += 1

    def note(self, problem: str) -> None:
        with self._guard:
            if len(self.problems) < MOST_PROBLEMS:
                self.problems[problem] = None

    def stop(self, error: HandOverError) -> None:
        self.broken = error

    @property
    def goes_on(self) -> bool:
        return self.broken is None and self.may_go_on()


def hand_over(round_: Round, route: Route, queue: Queue, log: Log) -> None:
    """Hand the waiting mail of one pool to the peers of `route`, a tier after the other.

    Ends when nothing is left that a peer takes, or the round may not go on.
    """
    waiting = deque(queue.waiting())
    for tier in route.tiers:
        errands = [_Errand(round_, route.pool, peer, queue, waiting, log) for peer in tier]
        threads = [
            threading.Thread(target=errand.run, name=errand.peer.node)
            for errand in errands
            for _ in range(min(SESSIONS_PER_PEER, max(1, len(waiting))))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not waiting or not round_.goes_on:
            break


@dataclass(slots=True)
class _Errand:
    """One peer's share of a queue."""

    round_: Round
    pool: str
    peer: Peer
    queue: Queue
    waiting: deque[Path]
    log: Log

    def run(self) -> None:
        """A session for as long as the peer takes mail; what it did not take is left to others."""
        try:
            if self.waiting and self.round_.goes_on:
                with self.round_.connect(self.peer) as session:
                    self._serve(session)
        except PeerError as error:
            self.round_.note(f"{self.peer.node}: {error}")
        except HandOverError as error:
            self.round_.stop(error)

    def _serve(self, session: Sender) -> None:
        while self.round_.goes_on:
            try:
                path = self.waiting.popleft()
            except IndexError:
                return
            try:
                with self.queue.taken(path) as message:
                    if message is not None:
                        self._give(session, message)
            except PeerError:
                self.waiting.append(path)
                raise
            except (Unfit, OSError, subprocess.SubprocessError) as error:
                self.round_.note(f"{self.pool} {path.name}: {error}")

    def _give(self, session: Sender, message: Waiting) -> None:
        envelope = message.envelope()
        if not envelope.recipients:
            return  # delivered already: the queue manager removes it when it comes to it
        if not envelope.sender.startswith(f"{LOCAL_PART}+"):
            raise Unfit("has no return path of the fleet: a bounce, which its own node delivers")
        said = session.send(envelope, message.content())
        self.log(
            f"{message.queue_id}: handed to {self.peer.name}[{self.peer.address}]:{self.peer.port}: {said}"
        )
        message.delete()
        self.round_.count(self.pool, self.peer.node)


def while_allowed(
    seconds: float, allowed: Callable[[], bool], clock: Callable[[], float] = time.monotonic
) -> Callable[[], bool]:
    """Whether a round of `seconds` may go on; `allowed` is asked again twice a second at most."""
    end, asked, answer = clock() + seconds, float("-inf"), False

    def goes_on() -> bool:
        nonlocal asked, answer
        now = clock()
        if now - asked >= _ASK_SECONDS:
            asked, answer = now, allowed()
        return answer and now < end

    return goes_on


@contextmanager
def mail_log(instance: Instance, pool: str) -> Iterator[Log]:
    """Writes lines into the instance's own log; failing to is no reason to stop."""
    command = ["postlog", "-c", str(instance.configuration), "-t", f"postfix-{pool}/hand-over"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    guard = threading.Lock()

    def log(line: str) -> None:
        with guard, suppress(OSError):
            print(line, file=process.stdin, flush=True)

    try:
        yield log
    finally:
        with suppress(OSError):
            process.communicate()


def told(round_: Round) -> Mapping[str, object]:
    """What the round did, as the operator's command reads it."""
    handed = {pool: dict(sorted(counts.items())) for pool, counts in sorted(round_.handed.items())}
    broken = None if round_.broken is None else str(round_.broken)
    return {"handed": handed, "problems": list(round_.problems), "broken": broken}
