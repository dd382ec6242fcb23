"""What a run lays out on the operator's machine, what it leaves, and what it tells."""

import fcntl
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.inventory import NodeModel
from fleet.render import TreeFile
from infra.configure import ConfigureError, NodeReport, RunReport
from infra.configure.prepare import prepare
from infra.configure.private import PREFIX, _delete_abandoned, private_directory, write_private
from infra.configure.progress import TREE_TASK, EventReader

PROJECT = Path(__file__).parents[2]
MEMORY = (Path("/dev/shm"), Path("/run"))  # noqa: S108  (the directory made there is private)


class Watcher:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def started(self, node: str, role: str, task: str) -> None:
        """Only ends are looked at."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        self.seen.append((node.name, role, task))


def files_below(directory: Path) -> Iterator[Path]:
    return (one for one in directory.rglob("*") if one.is_file())


def test_the_private_directory_is_in_memory_private_and_gone_afterwards_on_every_way_out() -> None:
    with pytest.raises(KeyboardInterrupt), private_directory(MEMORY) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(write_private(directory / "key", "secret").stat().st_mode) == 0o600
        raise KeyboardInterrupt
    assert not directory.exists()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the computer's memory, where other runs may come and go."""
    monkeypatch.setattr("infra.configure.private._memory", lambda _: tmp_path)
    return tmp_path


def test_what_a_killed_run_left_behind_is_deleted_and_a_live_one_is_not(place: Path) -> None:
    with private_directory() as live:
        abandoned = place / f"{PREFIX}abandoned"
        abandoned.mkdir()
        (abandoned / "lock").touch()
        with private_directory():
            assert not abandoned.exists()
            assert live.exists()


def test_a_directory_that_is_just_being_made_is_nobody_elses_to_delete(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run looks for abandoned directories right before this one has its lock."""
    seen: list[list[str]] = []
    lock = fcntl.flock

    def look_first(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            _delete_abandoned(place)
            seen.append([one.name[: len(PREFIX)] for one in place.iterdir()])
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", look_first)
    with private_directory() as directory:
        assert seen == [[PREFIX]]
        _delete_abandoned(place)
        assert directory.exists()


def test_without_a_place_in_memory_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigureError, match="no place in memory"), private_directory((tmp_path,)):
        pytest.fail("must not get here")


def test_secrets_are_in_private_files_only_and_never_in_what_ansible_reads(
    nodes: dict[str, NodeModel], fleet_secrets: list[str]
) -> None:
    hooks = {"software": lambda _: [TreeFile("/opt/mtafleet/lib/module.py", "pass\n")]}
    with private_directory(MEMORY) as directory:
        layout = prepare(directory, PROJECT, nodes, hooks)
        for file in files_below(directory):
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 or file.name == "lock"
        inventory = layout.inventory.read_text()
        software = (directory / "bundles/software.pyz").read_bytes()
        for secret in fleet_secrets:
            assert secret not in inventory
            assert secret.encode() not in software
    hosts = json.loads(inventory)["all"]["children"]
    assert sorted(hosts["role_dns"]["hosts"]) == ["east-1", "west-1"]
    assert "role_software" not in hosts


def test_events_become_changes_and_failures_with_role_task_and_message() -> None:
    watcher = Watcher()
    reader = EventReader(["east-1", "west-1"], watcher)
    tree = {
        "changed": ["/etc/a"],
        "changed_total": 1,
        "reasons": {"/etc/a": "content"},
        "actions": ["reload a"],
    }
    reader.read(event("runner_on_ok", "east-1", "dns", {"changed": True, "stdout": json.dumps(tree)}))
    reader.read(event("runner_on_ok", "east-1", "dns", {"changed": False}))
    reader.read(event("runner_on_failed", "west-1", "tls", {"msg": "non-zone", "stderr": "lego failed"}))
    reader.read(event("runner_on_unreachable", "west-1", "tls", {"msg": "no route"}))
    reader.read(event("runner_on_ok", "elsewhere", "tls", {}))
    assert reader.nodes["east-1"].changed == ["/etc/a (content)", "reload a"]
    assert not reader.nodes["east-1"].failed
    assert [(one.role, one.message) for one in reader.nodes["west-1"].failures] == [
        ("tls", "lego failed"),
        ("tls", "no route"),
    ]
    assert reader.nodes["west-1"].unreachable
    assert [name for name, _, _ in watcher.seen] == ["east-1", "east-1", "west-1", "west-1"]


@pytest.mark.parametrize(
    ("completed", "failing", "ok"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_a_report_is_good_only_when_complete_and_without_failures(
    completed: bool, failing: bool, ok: bool
) -> None:
    reader = EventReader(["east-1"], Watcher())
    if failing:
        reader.read(event("runner_on_failed", "east-1", "base", {"msg": "broken"}))
    report = RunReport(check=False, seconds=1.0, completed=completed, nodes=reader.nodes)
    assert report.ok is ok
    assert json.loads(report.as_json())["ok"] is ok


def test_a_tree_that_fails_is_told_with_the_role_it_belongs_to() -> None:
    reader = EventReader(["east-1"], Watcher())
    tree = {"cmd": ["/usr/bin/python3", "-I", "/run/bundle.pyz", "apply", "front"], "stderr": "bad"}
    failed = event("runner_on_failed", "east-1", "base", tree)
    failed["event_data"]["task"] = TREE_TASK
    reader.read(failed)
    assert [one.role for one in reader.nodes["east-1"].failures] == ["front"]


def event(kind: str, host: str, role: str, result: dict[str, Any]) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": host, "role": role, "task": "task", "res": result}}
