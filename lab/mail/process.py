"""The sender as a process of its own, so that whatever started it cannot disturb its clock.

`SendOrder` goes to its standard input as one JSON line, secrets and all; closing the input stops it. It
prints a JSON line with the tally several times a second, the last one with `"done": true`. Attempts are
appended to the order's record file as JSON lines.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.mail.message import named_mix
from lab.mail.sender import Addresses, Attempt, Credentials, Door, Plan, Sender, Tally, client_context, fixed
from lab.world.lookup import ResolverLookup, TemporaryDnsError

REPORT_SECONDS = 0.2


class SendError(LabError):
    """The sender could not start, or no message could be handed over."""


@dataclass(frozen=True, slots=True)
class SendOrder:
    """All a sender needs. `address` "" means: look up `name` at `resolver`, afresh as its TTL demands."""

    plan: Plan
    name: str
    port: int
    implicit_tls: bool
    helo: str
    user: str
    password: str
    trusted_pem: str
    address: str
    resolver: str
    mix: str
    seed: int
    records: str

    def __repr__(self) -> str:
        return f"SendOrder(plan={self.plan!r}, name={self.name!r}, user={self.user!r})"

    def to_json(self) -> str:
        """One line; holds the password."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "SendOrder":
        """The order a parent wrote."""
        fields = json.loads(line)
        return cls(**{**fields, "plan": Plan(**fields["plan"])})


class RecordFile:
    """Appends attempts as JSON lines."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1)

    def record(self, attempt: Attempt) -> None:
        """Write one line."""
        self._file.write(json.dumps(asdict(attempt), separators=(",", ":")) + "\n")


def read_attempts(path: Path) -> Iterator[Attempt]:
    """Every complete line of a record file; nothing when it does not exist."""
    if not path.exists():
        return
    with path.open() as file:
        for line in file:
            if line.endswith("\n"):
                yield Attempt(**json.loads(line))


class SendProcess:
    """A sender running in a network namespace: start it, look at its tally, stop it."""

    def __init__(self, order: SendOrder, network: Path | None) -> None:
        self._order = order
        self._prefix = ["nsenter", f"--net={network}"] if network else []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begin; raises `SendError` when the process cannot be started."""
        command = [*self._prefix, sys.executable, "-m", "lab.mail.process"]
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is for who started it, who then stops it in order
        )
        if self._process.stdin is None:
            raise SendError("the sender has no standard input")
        try:
            self._process.stdin.write(self._order.to_json() + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise SendError("the sender ended before it had its orders; see its message above") from error

    def tallies(self) -> Iterator[dict[str, Any]]:
        """Each report until the last; raises `SendError` when the process dies before that."""
        if self._process is None or self._process.stdout is None:
            raise SendError("the sender was not started")
        for line in self._process.stdout:
            tally = json.loads(line)
            if "error" in tally:
                raise SendError(tally["error"])
            yield tally
            if tally["done"]:
                return
        raise SendError(f"the sender ended early with status {self._process.wait()}")

    def stop(self) -> None:
        """Begin no further message; `tallies` ends when the attempts under way have."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def close(self) -> None:
        """End the process at once if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def resolved(lookup: ResolverLookup, name: str) -> Addresses:
    """Every session goes where the name points at that moment, starting at each address in turn."""
    turn = 0

    async def addresses() -> tuple[str, ...]:
        nonlocal turn
        try:
            found = await lookup(name, "A")
        except TemporaryDnsError:
            return ()
        turn += 1
        start = turn % len(found) if found else 0
        return found[start:] + found[:start]

    return addresses


async def _send(order: SendOrder, report: Callable[[Tally], None], stopped: asyncio.Event) -> Tally:
    door = Door(
        name=order.name,
        port=order.port,
        tls=client_context(order.trusted_pem),
        helo=order.helo,
        credentials=Credentials(order.user, order.password) if order.user else None,
        implicit_tls=order.implicit_tls,
    )
    lookup = ResolverLookup(order.resolver, keep_at_least_seconds=0)
    addresses = fixed(order.address) if order.address else resolved(lookup, order.name)
    sender = Sender(
        order.plan, door, named_mix(order.mix, order.seed), addresses, RecordFile(Path(order.records))
    )

    async def watch() -> None:
        while True:
            report(sender.tally)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), REPORT_SECONDS)
                sender.stop()
                await asyncio.sleep(REPORT_SECONDS)

    watcher = asyncio.create_task(watch())
    try:
        tally = await sender.run()
    finally:
        watcher.cancel()
    if sender.unrecorded is not None:
        raise SendError(
            f"{order.records}: attempts cannot be recorded ({sender.unrecorded.strerror}), so sending has "
            f"stopped; {tally.accepted} messages were accepted, the ledger knows of fewer"
        )
    return tally


async def _main() -> None:
    order = SendOrder.from_json(sys.stdin.readline())
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def input_closed() -> None:
        loop.remove_reader(sys.stdin.fileno())
        stopped.set()

    loop.add_reader(sys.stdin.fileno(), input_closed)

    def report(tally: Tally, *, done: bool = False) -> None:
        try:
            print(json.dumps({**asdict(tally), "at": time.time(), "done": done}), flush=True)
        except OSError:  # nobody listens any more: whoever started this is gone
            stopped.set()

    report(await _send(order, report, stopped), done=True)


def main() -> None:
    """Run on uvloop where it is installed; problems go to the parent as a report."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional

        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_main())
    except (LabError, OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            print(json.dumps({"error": str(error)}), flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
