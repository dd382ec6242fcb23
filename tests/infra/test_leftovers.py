import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.engine import leftovers


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    given: list[str] = []
    monkeypatch.setattr(leftovers, "pulumi", lambda arguments, **_: given.append(arguments[0]))
    return given


def dead_process() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def lock(backend: Path, process: int, computer: str) -> None:
    file = backend / ".pulumi/locks/organization/mtafleet/lab/1.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pid": process, "username": "root", "hostname": computer}))


def variables(backend: Path) -> dict[str, str]:
    return {"PULUMI_BACKEND_URL": f"file://{backend}"}


def test_without_a_lock_nothing_is_done(tmp_path: Path, orders: list[str]) -> None:
    assert not leftovers.recover("lab", tmp_path, variables(tmp_path))
    assert orders == []


def test_a_dead_engines_lock_is_lifted_and_its_unfinished_creations_forgotten(
    tmp_path: Path, orders: list[str]
) -> None:
    lock(tmp_path, dead_process(), socket.gethostname())
    assert leftovers.recover("lab", tmp_path, variables(tmp_path))
    assert orders == ["cancel", "refresh"]


@pytest.mark.parametrize("case", ["alive", "elsewhere", "malformed"])
def test_any_other_lock_stays(tmp_path: Path, orders: list[str], case: str) -> None:
    alive = case == "alive"
    lock(tmp_path, os.getpid() if alive else dead_process(), socket.gethostname() if alive else "elsewhere")
    if case == "malformed":
        next(tmp_path.rglob("1.json")).write_text("{")
    assert not leftovers.recover("lab", tmp_path, variables(tmp_path))
    assert orders == []


def test_other_backends_keep_their_own_locks(tmp_path: Path, orders: list[str]) -> None:
    assert not leftovers.recover("lab", tmp_path, {"PULUMI_BACKEND_URL": "https://api.pulumi.com"})
    assert orders == []


@pytest.mark.parametrize(("process", "left"), [("dead", False), ("alive", True), ("none", False)])
def test_attributes_that_end_early_are_removed_unless_an_engine_runs(
    tmp_path: Path, orders: list[str], process: str, left: bool
) -> None:
    stacks = tmp_path / ".pulumi/stacks/mtafleet"
    stacks.mkdir(parents=True)
    whole, torn, of_another = (
        stacks / name for name in ("lab.json.bak.attrs", "lab.json.attrs", "x.json.attrs")
    )
    whole.write_text("{}")
    torn.write_text("")
    of_another.write_text("")
    if process != "none":
        lock(tmp_path, os.getpid() if process == "alive" else dead_process(), socket.gethostname())
    leftovers.recover("lab", tmp_path, variables(tmp_path))
    assert (whole.exists(), torn.exists(), of_another.exists()) == (True, left, True)
