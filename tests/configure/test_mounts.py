"""A node whose queue volume is not mounted where queues lie is not configured."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from fleet.aws.queues import MOUNT_UNIT
from fleet.inventory import NodeModel
from fleet.paths import project_root
from fleet.render import TreeRenderer
from infra.configure.prepare import tool_members, write_bundles
from tests.configure.tool import load_part

ROOT = "1 0 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n"
NULL = Path("/dev/null").stat().st_rdev
VOLUME = f"{os.major(NULL)}:{os.minor(NULL)}"
"""The number of what stands for the volume: tests make no block devices."""


@pytest.fixture
def mounts() -> ModuleType:
    return load_part("mounts")


class Machine:
    """A machine with a volume; `systemctl start` mounts it, unless it is told to fail."""

    def __init__(self, home: Path, programs: Path) -> None:
        self.spool, self.mountinfo, self.calls = home / "spool", home / "mountinfo", home / "calls"
        self.device = home / "nvme-vol"
        self.spool.mkdir()
        self.device.symlink_to("/dev/null")
        self.mountinfo.write_text(ROOT)
        self.systemctl = programs / "systemctl"
        self.mounts_it = self.line(VOLUME)
        self.starting(f"printf '%s' '{self.mounts_it}' >> {self.mountinfo}")

    def line(self, number: str, root: str = "/", source: str = "/dev/nvme1n1") -> str:
        return f"36 1 {number} {root} {self.spool} rw,noatime shared:1 - ext4 {source} rw\n"

    def starting(self, does: str) -> None:
        self.systemctl.write_text(f'#!/bin/sh\necho "$*" >> {self.calls}\n{does}\n')
        self.systemctl.chmod(0o755)

    def wanted(self) -> list[dict[str, str]]:
        return [{"path": str(self.spool), "device": str(self.device), "unit": MOUNT_UNIT}]

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return Machine(tmp_path, programs)


def test_a_volume_in_its_place_is_all_that_is_asked(mounts: ModuleType, machine: Machine) -> None:
    machine.mountinfo.write_text(ROOT + machine.mounts_it)
    mounts.require(machine.wanted(), start=True, mountinfo=machine.mountinfo)
    assert not machine.called
    mounts.require([], start=True, mountinfo=machine.mountinfo)


def test_a_volume_that_waits_is_mounted_by_its_unit(mounts: ModuleType, machine: Machine) -> None:
    mounts.require(machine.wanted(), start=True, mountinfo=machine.mountinfo)
    assert machine.called == [f"start {MOUNT_UNIT}"]


def test_a_check_mounts_nothing(mounts: ModuleType, machine: Machine) -> None:
    with pytest.raises(mounts.MountError, match=r"is attached but not mounted\. Nothing was configured"):
        mounts.require(machine.wanted(), start=False, mountinfo=machine.mountinfo)
    assert not machine.called


def test_queues_on_the_root_disk_are_never_covered(mounts: ModuleType, machine: Machine) -> None:
    (machine.spool / "postfix-marketing").mkdir()
    with pytest.raises(mounts.MountError, match="is attached but not mounted"):
        mounts.require(machine.wanted(), start=True, mountinfo=machine.mountinfo)
    assert not machine.called


def test_a_volume_that_is_not_attached_is_not_waited_for(mounts: ModuleType, machine: Machine) -> None:
    machine.device.unlink()
    with pytest.raises(mounts.MountError, match=r"nvme-vol, is not attached to this machine.*`mtafleet up`"):
        mounts.require(machine.wanted(), start=True, mountinfo=machine.mountinfo)
    assert not machine.called


@pytest.mark.parametrize(
    ("number", "root", "told"),
    [
        ("259:7", "/", "/dev/nvme1n1 is mounted there, not its volume"),
        (VOLUME, "/elsewhere", "and of it /elsewhere only, not its volume"),
    ],
)
def test_something_else_in_its_place_is_refused(
    mounts: ModuleType, machine: Machine, number: str, root: str, told: str
) -> None:
    machine.mountinfo.write_text(ROOT + machine.mounts_it + machine.line(number, root))
    with pytest.raises(mounts.MountError, match=told):
        mounts.require(machine.wanted(), start=True, mountinfo=machine.mountinfo)
    assert not machine.called


def test_why_it_cannot_be_mounted_is_told(mounts: ModuleType, machine: Machine) -> None:
    machine.starting("echo 'Unit var-spool.mount not found.' >&2; exit 5")
    with pytest.raises(mounts.MountError, match=r"start var-spool.mount` failed: Unit var-spool.mount not f"):
        mounts.require(machine.wanted(), start=True, mountinfo=machine.mountinfo)


def test_the_tool_goes_no_further_on_such_a_machine(tmp_path: Path, machine: Machine) -> None:
    machine.device.unlink()
    bundle = tmp_path / "bundle.pyz"
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in tool_members(project_root()).items():
            archive.writestr(name, content)
        archive.writestr("packages.json", '["no-such-package"]')
        archive.writestr("accounts.json", "[]")
        archive.writestr("mounts.json", json.dumps(machine.wanted()))
    words = [sys.executable, "-I", str(bundle), "packages", "--state", str(tmp_path / "state")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"mtafleet-tree: {machine.spool}: its volume, ")


@pytest.fixture
def with_volumes(nodes: dict[str, NodeModel]) -> dict[str, NodeModel]:
    """The nodes as they would be if their mail servers had volumes of their own."""
    told = next(iter(nodes.values())).outputs
    changed = {
        name: one.model_copy(update={"queue_volume": f"vol-0{name.replace('-', '')}"})
        for name, one in told.nodes.items()
        if one.role == "mta"
    }
    outputs = told.model_copy(update={"nodes": {**told.nodes, **changed}})
    return {name: NodeModel(model.host, model.fleet, outputs, model.secrets) for name, model in nodes.items()}


def mounts_of(bundles: Path, node: str) -> object:
    with zipfile.ZipFile(bundles / f"{node}.pyz") as archive:
        return json.loads(archive.read("mounts.json"))


def test_a_bundle_names_the_volume_that_its_node_needs(
    with_volumes: dict[str, NodeModel], nodes: dict[str, NodeModel], tmp_path: Path
) -> None:
    ours, lab = tmp_path / "ours", tmp_path / "lab"
    for folder, models in ((ours, with_volumes), (lab, nodes)):
        folder.mkdir()
        some = {name: models[name] for name in ("east-1", "witness-1")}
        write_bundles(folder, project_root(), some, {})
    device = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0east1"
    assert mounts_of(ours, "east-1") == [{"path": "/var/spool", "device": device, "unit": "var-spool.mount"}]
    assert [mounts_of(ours, "witness-1"), mounts_of(lab, "east-1")] == [[], []]


DROP_IN = "/etc/systemd/system/postfix@.service.d/mtafleet-volume.conf"


def test_instances_are_tied_to_the_volume_where_there_is_one(
    with_volumes: dict[str, NodeModel], nodes: dict[str, NodeModel]
) -> None:
    ours, lab = (
        TreeRenderer(project_root() / "templates").render("postfix", models["east-1"]).contents
        for models in (with_volumes, nodes)
    )
    lines = set(ours[DROP_IN].decode().splitlines())
    assert lines >= {
        "BindsTo=var-spool.mount",
        "After=var-spool.mount",
        "AssertPathIsMountPoint=/var/spool",
    }
    assert DROP_IN not in lab


def test_queues_that_another_machine_has_filled_under_another_number_are_refused(
    mounts: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = machine.spool / "postfix-transactional/active"
    queue.mkdir(parents=True)
    number = queue.stat().st_uid
    monkeypatch.setattr(mounts.pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=number))
    mounts.require_owner(machine.wanted())
    monkeypatch.setattr(mounts.pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=number + 1))
    with pytest.raises(mounts.MountError, match=rf"chown --recursive --from={number} postfix {queue.parent}"):
        mounts.require_owner(machine.wanted())


def test_without_the_account_there_is_nothing_to_compare(mounts: ModuleType, machine: Machine) -> None:
    (machine.spool / "postfix-transactional/active").mkdir(parents=True)
    mounts.require_owner(machine.wanted(), account="no-such-account")
