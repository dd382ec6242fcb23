"""Whose lock it is, and what a killed run left running: found, and ended only when it is ours and dead."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import infra.recovery.stores
from infra.recovery.locks import Lock, drop, locks_of
from infra.recovery.model import RecoveryError
from infra.recovery.runs import MARK, Run, end_remains, noted
from infra.recovery.stores import folder_of
from lab.aws.server.app import Server, serving

SINCE = "2026-11-23T14:00:00.123456789Z"


def lock(process: int, computer: str = "elsewhere") -> str:
    return json.dumps({"pid": process, "username": "ann", "hostname": computer, "timestamp": SINCE})


def dead() -> int:
    """The number of a process that has ended and was waited for."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def place(folder: Path, stack: str, text: str, project: str = "mtafleet", name: str = "uuid") -> Path:
    file = folder / ".pulumi/locks/organization" / project / stack / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


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


def test_exactly_the_locks_that_were_judged_are_dropped(tmp_path: Path) -> None:
    backend = f"file://{tmp_path}"
    judged = place(tmp_path, "dev", lock(7))
    beside = judged.with_name("uuid.json.attrs")
    beside.write_text("{}")
    found = locks_of(backend, "mtafleet", "dev")
    later = place(tmp_path, "dev", lock(8), name="later")
    other = place(tmp_path, "dev-foundation", lock(9))
    drop(backend, found)
    assert (judged.exists(), beside.exists(), later.exists(), other.exists()) == (False, False, True, True)
    drop(backend, found)  # given back meanwhile is as good


def test_a_lock_that_changed_after_it_was_judged_stays(tmp_path: Path) -> None:
    file = place(tmp_path, "dev", lock(7))
    found = locks_of(f"file://{tmp_path}", "mtafleet", "dev")
    file.write_text(lock(8))
    with pytest.raises(RecoveryError, match="changed while it was looked at"):
        drop(f"file://{tmp_path}", found)
    assert file.exists()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A simulated AWS with a bucket `state`; nothing but a backend's URL leads to it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        server.client("s3").create_bucket(Bucket="state")
        yield server


def put(s3: Server, key: str, process: int = 7) -> None:
    s3.client("s3").put_object(Bucket="state", Key=key, Body=lock(process).encode())


def test_locks_in_a_bucket_are_found_below_its_folder(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    put(s3, "fleets/.pulumi/locks/organization/mtafleet/dev/a.json")
    put(s3, ".pulumi/locks/dev/b.json", 8)
    (found,) = locks_of("s3://state/fleets?region=us-east-1", "mtafleet", "dev")
    assert found.process == 7
    (old,) = locks_of("s3://state", "mtafleet", "dev")
    assert old.process == 8
    assert locks_of("s3://state", "mtafleet", "staging") == ()


def test_a_bucket_is_where_its_url_says(s3: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Endpoint, profile and prefix as the engine reads them; AWS itself is never asked."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    credentials = tmp_path / "credentials"
    credentials.write_text("[states]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    put(s3, "all-fleets/.pulumi/locks/organization/mtafleet/dev/a.json")
    put(s3, ".pulumi/locks/organization/mtafleet/dev/b.json", 8)
    host = s3.url.removeprefix("http://")
    query = f"endpoint={host}&disableSSL=true&s3ForcePathStyle=true&profile=states&region=eu-west-1"
    (found,) = locks_of(f"s3://state/fleets?prefix=all-&{query}", "mtafleet", "dev")
    assert found.process == 7
    drop(f"s3://state/fleets?prefix=all-&{query}", [found])
    assert locks_of(f"s3://state/fleets?prefix=all-&{query}", "mtafleet", "dev") == ()
    (other,) = locks_of(f"s3://state?{query}", "mtafleet", "dev")
    assert other.process == 8
    with pytest.raises(RecoveryError, match="nobody"):
        locks_of(f"s3://state?{query.replace('states', 'nobody')}", "mtafleet", "dev")


def test_a_bucket_of_many_locks_is_read_to_the_end(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    monkeypatch.setattr(infra.recovery.stores, "PAGE_KEYS", 2)
    for number in range(5):
        put(s3, f".pulumi/locks/organization/mtafleet/dev/{number}.json", number)
    assert [one.process for one in locks_of("s3://state", "mtafleet", "dev")] == [0, 1, 2, 3, 4]


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
