"""Somebody else at work with Debian's packages is waited for, for a while, and named."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.configure.tool import load_part

HOLDER = """
import fcntl, sys
with open(sys.argv[1], "w") as stream:
    fcntl.lockf(stream, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lists-lock"


@pytest.fixture
def locks(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = load_part("locks")
    monkeypatch.setattr(module, "LOCKS", (tmp_path / "never-made", lock))
    return module


@contextmanager
def holding(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Let the lock go; harmless when that was done."""
    assert process.stdin
    process.stdin.close()
    process.wait()


class Time:
    """Virtual seconds; `then` is what happens at each pause."""

    def __init__(self, then: Callable[[float], None] = lambda _: None) -> None:
        self.now, self.then = 0.0, then

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.then(self.now)


class AptError(Exception):
    pass


def test_a_free_lock_is_not_waited_for(locks: Any, lock: Path) -> None:
    lock.touch()
    time, done = Time(), []
    locks.patiently(lambda: done.append(time.now), AptError, time.clock, time.pause)
    assert done == [0.0]


def test_what_another_process_holds_is_waited_for(locks: Any, lock: Path) -> None:
    with holding(lock) as other:
        time = Time(lambda now: end(other) if now == 10.0 else None)
        assert locks.held() == (lock, other.pid)
        done: list[float] = []
        locks.patiently(lambda: done.append(time.now), AptError, time.clock, time.pause)
    assert done == [10.0]


def test_who_holds_it_for_too_long_is_told_and_nothing_was_done(locks: Any, lock: Path) -> None:
    time = Time()
    with holding(lock) as other, pytest.raises(locks.LockedError) as refused:
        locks.patiently(lambda: pytest.fail("worked"), AptError, time.clock, time.pause)
    assert time.now == locks.WAIT_SECONDS
    said = str(refused.value)
    assert said.startswith(f"{lock} was held for 600 seconds, now by process {other.pid} (`{sys.executable} ")
    assert said.endswith("wait until that has ended, or end it, and run the command again")


@pytest.mark.parametrize(
    "said",
    [
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)",
        "dpkg: error: dpkg frontend lock was locked by another process with pid 812",
    ],
)
def test_somebody_faster_is_waited_for_too(locks: Any, said: str) -> None:
    time = Time()
    failures = [AptError(said), AptError(said)]
    done: list[float] = []

    def work() -> None:
        done.append(time.now)
        if failures:
            raise failures.pop()

    locks.patiently(work, AptError, time.clock, time.pause)
    assert done == [0.0, 2.0, 4.0]


def test_a_lock_that_is_blamed_for_ever_ends_in_its_own_words(locks: Any) -> None:
    time = Time()

    def work() -> None:
        raise AptError("E: Could not get lock /elsewhere")

    with pytest.raises(AptError, match="Could not get lock /elsewhere"):
        locks.patiently(work, AptError, time.clock, time.pause)
    assert time.now == locks.WAIT_SECONDS


def test_any_other_failure_is_told_at_once(locks: Any) -> None:
    time = Time()

    def work() -> None:
        raise AptError("E: Unable to locate package no-such-package")

    with pytest.raises(AptError, match="no-such-package"):
        locks.patiently(work, AptError, time.clock, time.pause)
    assert time.now == 0.0
