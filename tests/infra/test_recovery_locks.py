"""Whose lock it is, and what a killed run left running: found, and ended only when it is ours and dead."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.recovery.locks import Lock, folder_of, locks_of
from infra.recovery.runs import MARK, Run, end_remains, noted
from lab.aws.server.app import serving

SINCE = "2026-11-23T14:00:00.123456789Z"


def lock(process: int, computer: str = "elsewhere") -> str:
    return json.dumps({"pid": process, "username": "ann", "hostname": computer, "timestamp": SINCE})


def dead() -> int:
    """The number of a process that has ended and was waited for."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def place(folder: Path, stack: str, text: str, project: str = "mtafleet") -> None:
    file = folder / ".pulumi/locks/organization" / project / stack / "uuid.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_only_the_stacks_own_locks_count(tmp_path: Path) -> None:
    backend = f"file://{tmp_path}"
    assert locks_of(backend, "mtafleet", "dev") == ()
    place(tmp_path, "dev", lock(7))
    place(tmp_path, "dev-foundation", lock(8))
    place(tmp_path, "dev", lock(9), project="other")
    (found,) = locks_of(backend, "mtafleet", "dev")
    assert str(found) == "ann@elsewhere (process 7, since 2026-11-23T14:00:00)"
    assert not found.here


def test_a_backend_may_be_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder_of("file://~") == tmp_path
    assert folder_of("file://~/state") == tmp_path / "state"
    assert folder_of("file:///state") == Path("/state")


def test_a_lock_that_cannot_be_read_is_a_lock(tmp_path: Path) -> None:
    place(tmp_path, "dev", "{")
    (found,) = locks_of(f"file://{tmp_path}", "mtafleet", "dev")
    assert found.computer == "unknown"
    assert not found.at_work


def test_backends_that_this_cannot_look_into_are_left_to_the_engine() -> None:
    assert locks_of("https://api.pulumi.com", "mtafleet", "dev") == ()


def test_locks_in_a_bucket_are_found_below_its_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with serving() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        bucket = server.client("s3")
        bucket.create_bucket(Bucket="state")
        for key in ("fleets/.pulumi/locks/organization/mtafleet/dev/a.json", ".pulumi/locks/dev/b.json"):
            bucket.put_object(Bucket="state", Key=key, Body=lock(7).encode())
        (found,) = locks_of("s3://state/fleets?region=us-east-1", "mtafleet", "dev")
        assert found.process == 7
        (old,) = locks_of("s3://state", "mtafleet", "dev")
        assert old.user == "ann"
        assert locks_of("s3://state", "mtafleet", "staging") == ()


def test_only_an_engine_that_lives_here_is_at_work() -> None:
    here = socket.gethostname()
    assert not Lock(dead(), "ann", here, "").at_work
    assert not Lock(os.getpid(), "ann", here, "").at_work  # alive, and no engine: the number was given anew
    assert not Lock(os.getpid(), "ann", "elsewhere", "").at_work


def test_a_run_is_noted_until_it_ends_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "dev.json"
    assert noted(file) is None
    run = Run.new(file)
    run.begun(4711)
    found = noted(file)
    assert found is not None
    assert (found.mark, found.process, found.computer) == (run.mark, 4711, socket.gethostname())
    run.ended()
    assert noted(file) is None


def test_what_bears_the_mark_is_ended_and_nothing_else(tmp_path: Path) -> None:
    run = Run.new(tmp_path / "dev.json")
    wait = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]

    def start(mark: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            wait, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, MARK: mark}
        )
        assert process.stdout is not None
        process.stdout.readline()  # it runs, so that its environment is its own
        return process

    with start(run.mark) as ours, start("another") as other:
        assert end_remains(run) == 1
        assert ours.wait() < 0
        assert other.poll() is None
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait() == 0
    assert end_remains(run) == 0
