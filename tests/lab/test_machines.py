"""Machines of a small real lab: adopted, cut off, killed, booted again with what they kept."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lab import cgroups, disk, faults, machine, netns, usage
from lab.errors import ConflictError
from lab.ids import LabPaths
from lab.network import addresses, links, plan, sites
from lab.outer import namespace
from lab.specs import AddressSpec, LinkSpec, SiteSpec
from lab.tcp import greeting
from tests.lab.conftest import MACHINES, SITES, disk_spec

pytestmark = pytest.mark.lab
EAST, WEST = "198.51.100.11", "203.0.113.11"


@pytest.fixture(autouse=True)
def _healed(small_lab: LabPaths) -> None:
    faults.heal_all(small_lab)
    for name in MACHINES:
        machine.start(small_lab, name)


def _hears(paths: LabPaths, address: str, listener: str | None = None, timeout_seconds: float = 20) -> bool:
    """Whether ssh at an address is heard by a machine, or by the operator; a busy computer takes its time."""
    network = netns.machine_network(paths, listener) if listener else netns.operator_network(paths)
    heard = netns.opened_in(network, lambda: greeting(address, 22, timeout_seconds))
    return heard.startswith(b"SSH-")


def _deaf(paths: LabPaths, address: str, listener: str | None = None) -> bool:
    """Whether nothing is heard of ssh at an address, far longer than it takes where there is a way."""
    return not _hears(paths, address, listener, timeout_seconds=0.4)


def _inside(paths: LabPaths, name: str, *command: str) -> str:
    entry = machine.entry(paths, name, command)
    return subprocess.run(entry, check=True, capture_output=True, text=True).stdout.strip()


def test_the_operator_reaches_each_machine_by_ssh_with_the_key_given(
    small_lab: LabPaths, operator_key: Path, tmp_path: Path
) -> None:
    for name, spec in MACHINES.items():
        known_as = disk.read(small_lab, name)
        assert known_as is not None
        known_hosts = tmp_path / name
        known_hosts.write_text(f"{spec.addresses[0]} {known_as.host_key}\n")
        options = ["-i", str(operator_key), "-o", f"UserKnownHostsFile={known_hosts}", "-o", "BatchMode=yes"]
        ssh = ["ssh", "-F", "none", *options, f"root@{spec.addresses[0]}", "hostname"]
        inside = ["nsenter", f"--net={netns.operator_network(small_lab)}", *ssh]
        done = subprocess.run(inside, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == f"{name}.fleet.example"


def test_a_machine_boots_whole_and_knows_itself(small_lab: LabPaths) -> None:
    assert _inside(small_lab, "east-1", "systemctl", "is-system-running", "--wait") == "running"
    assert _inside(small_lab, "east-1", "stat", "-fc", "%T", "/sys/fs/cgroup") == "cgroup2fs"
    assert "198.51.100.21/24" in _inside(small_lab, "east-1", "ip", "-brief", "address")


def test_what_is_there_is_adopted(small_lab: LabPaths) -> None:
    before = machine.read(small_lab, "east-1")
    with ThreadPoolExecutor() as pool:
        states = list(pool.map(lambda _: machine.ensure(small_lab, MACHINES["east-1"]), range(3)))
    assert states == [before] * 3
    assert sites.ensure(small_lab, SiteSpec("east", SITES["east"])) == sites.read(small_lab, "east")


def test_something_else_under_the_same_name_is_refused(small_lab: LabPaths, machine_image: str) -> None:
    with pytest.raises(ConflictError, match="runs with other settings"):
        machine.ensure(small_lab, replace(MACHINES["east-1"], addresses=("198.51.100.12",)))
    with pytest.raises(ConflictError, match="other contents"):
        disk.ensure(small_lab, disk_spec("east-1", machine_image, "another key"))
    with pytest.raises(ConflictError, match="in use by machine east-1"):
        disk.delete(small_lab, "east-1")
    with pytest.raises(ConflictError, match="has the network"):
        sites.ensure(small_lab, SiteSpec("east", "192.0.2.0/26"))
    with pytest.raises(ConflictError, match="there are: east-1, west-1"):
        machine.start(small_lab, "north-1")


def test_a_killed_machine_reads_as_dead_and_boots_with_what_it_kept(small_lab: LabPaths) -> None:
    before = machine.read(small_lab, "east-1")
    _inside(small_lab, "east-1", "sh", "-c", "echo kept > /var/spool/mail-of-mine")
    machine.kill(small_lab, "east-1")
    dead = machine.read(small_lab, "east-1")
    assert before is not None
    assert dead == replace(before, running=False, boot=None)
    assert _deaf(small_lab, EAST)
    again = machine.start(small_lab, "east-1")
    assert again.running
    assert again.boot != before.boot
    assert _inside(small_lab, "east-1", "cat", "/var/spool/mail-of-mine") == "kept"


def test_a_stopped_machine_shut_down_in_order(small_lab: LabPaths) -> None:
    machine.stop(small_lab, "east-1", timeout_seconds=300)
    state = machine.read(small_lab, "east-1")
    assert state is not None
    assert not state.running
    machine.start(small_lab, "east-1")
    last_boot = _inside(small_lab, "east-1", "journalctl", "--boot=-1", "--no-pager", "--output=cat")
    assert "Reached target poweroff.target" in last_boot


def test_a_black_hole_swallows_one_machine_and_gives_it_back(small_lab: LabPaths) -> None:
    faults.blackhole(small_lab, "east-1")
    faults.blackhole(small_lab, "east-1")
    assert _deaf(small_lab, EAST)
    assert _deaf(small_lab, WEST, listener="east-1")
    assert _hears(small_lab, WEST)
    faults.heal(small_lab, "east-1")
    faults.heal(small_lab, "east-1")
    assert _hears(small_lab, EAST, listener="west-1")


def test_a_region_cut_off_is_still_seen_by_the_operator_unless_told_otherwise(small_lab: LabPaths) -> None:
    faults.cut_region(small_lab, "east")
    assert _deaf(small_lab, EAST, listener="west-1")
    assert _deaf(small_lab, WEST, listener="east-1")
    assert _hears(small_lab, EAST)
    faults.cut_region(small_lab, "east", spare_operator=False)
    assert _deaf(small_lab, EAST)
    faults.heal_region(small_lab, "east")
    assert _hears(small_lab, EAST, listener="west-1")


def test_a_frozen_unit_accepts_and_says_nothing(small_lab: LabPaths) -> None:
    assert faults.freeze(small_lab, "east-1", "ssh*.service") >= 1
    assert _deaf(small_lab, EAST)
    assert faults.thaw(small_lab, "east-1", "ssh*.service") >= 1
    assert _hears(small_lab, EAST)
    with pytest.raises(ConflictError, match="runs no unit nothing"):
        faults.freeze(small_lab, "east-1", "nothing.service")


def test_one_call_heals_everything(small_lab: LabPaths) -> None:
    faults.freeze(small_lab, "east-1", "ssh*.service")
    faults.blackhole(small_lab, "west-1")
    faults.cut_region(small_lab, "east", spare_operator=False)
    faults.heal_all(small_lab)
    assert _hears(small_lab, EAST, listener="west-1")


def test_an_address_comes_and_goes(small_lab: LabPaths) -> None:
    extra = "198.51.100.99"
    assert addresses.read(small_lab, "east-1", extra) is None
    for _ in range(2):
        addresses.ensure(small_lab, AddressSpec("east-1", extra))
    assert addresses.read(small_lab, "east-1", extra) is not None
    assert _hears(small_lab, extra, listener="west-1")
    for _ in range(2):
        addresses.delete(small_lab, "east-1", extra)
    assert addresses.read(small_lab, "east-1", extra) is None
    assert _deaf(small_lab, extra, listener="west-1")


@pytest.mark.parametrize("delay", [0.0, 5.0, 1.0, 0.0])
def test_a_link_changes_while_it_is_used(small_lab: LabPaths, delay: float) -> None:
    state = links.ensure(small_lab, LinkSpec("east", "west", delay_milliseconds=delay))
    assert links.read(small_lab, "east--west") == state
    assert _hears(small_lab, EAST, listener="west-1")
    way = namespace.run(
        namespace.require(small_lab), ["ip", "route", "get", WEST], network=plan.site_namespace("east")
    )
    assert (plan.WAN in way) == (delay > 0)


def test_a_link_that_loses_everything_it_can_is_felt(small_lab: LabPaths) -> None:
    links.ensure(small_lab, LinkSpec("east", "west", delay_milliseconds=1, loss_percent=100))
    assert _deaf(small_lab, EAST, listener="west-1")
    links.delete(small_lab, "east--west")
    assert links.read(small_lab, "east--west") is None
    assert _hears(small_lab, EAST, listener="west-1")


def test_a_forwarder_that_died_is_replaced(small_lab: LabPaths) -> None:
    links.ensure(small_lab, LinkSpec("east", "west", delay_milliseconds=1))
    group = cgroups.of_lab(small_lab) / "forwarder"
    cgroups.kill(group)
    assert links.read(small_lab, "east--west") is None
    assert _deaf(small_lab, EAST, listener="west-1")
    links.ensure(small_lab, LinkSpec("east", "west", delay_milliseconds=1))
    assert _hears(small_lab, EAST, listener="west-1")
    links.delete(small_lab, "east--west")


def test_cpu_time_is_told_by_machine_and_by_unit(small_lab: LabPaths) -> None:
    whole = usage.cpu_usage_seconds(small_lab, "east-1")
    assert 0 < usage.cpu_usage_seconds(small_lab, "east-1", "ssh*.service") < whole
    assert usage.memory_bytes(small_lab, "east-1") > 1_000_000
    with pytest.raises(ConflictError):
        usage.cpu_usage_seconds(small_lab, "east-1", "nothing.service")


def test_nothing_can_leave_the_lab(small_lab: LabPaths) -> None:
    """No interface leads out, no route either, and a packet for the world outside is refused at once."""
    outer = namespace.require(small_lab)
    assert [line.split()[0] for line in namespace.run(outer, ["ip", "-brief", "link"]).splitlines()] == ["lo"]

    core_routes = namespace.run(outer, ["ip", "-4", "route"], network=plan.CORE).splitlines()
    assert sorted(route.split()[0] for route in core_routes) == sorted(SITES.values())
    own = {line.split()[0] for line in namespace.run(outer, ["ip", "netns", "list"]).splitlines()}
    inodes = {outer.network(name).stat().st_ino for name in own}
    assert Path("/proc/self/ns/net").stat().st_ino not in inodes
    for name in own:
        kinds = namespace.run(outer, ["ip", "-details", "-oneline", "link"], network=name).splitlines()
        assert all(any(kind in line for kind in ("loopback", "veth", "bridge", "tun")) for line in kinds)
        for outside in ("8.8.8.8", "192.88.99.1", "10.0.0.1"):
            assert not _can_send(outer.network(name), outside), (name, outside)


def _can_send(network: Path, address: str) -> bool:
    """Whether TCP gets further than a refusal by a router that knows no way."""
    with netns.opened_in(network, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(60)
        try:
            probe.connect((address, 25))
        except OSError as error:
            return "unreachable" not in str(error)
    return True
