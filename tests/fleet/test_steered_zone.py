"""The program for the fixed part of the steered zone: its plan, and a real Knot that carries it out."""

import importlib.util
import json
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lab import host
from lab.ids import LabPaths
from lab.image import build as image

PROJECT = Path(__file__).parents[2]
PROGRAM = PROJECT / "templates/dns/usr/local/sbin/mtafleet-steered-zone"
ZONE = "submit.fleet.example."
ORDERS, NEWS, OLD = (f"{pool}.{ZONE}" for pool in ("orders", "news", "old"))


def load_program() -> ModuleType:
    loader = SourceFileLoader("mtafleet_steered_zone", str(PROGRAM))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = writes
    return module


program = load_program()


def challenge(name: str) -> tuple[str, int, str, str]:
    return (f"_acme-challenge.{name}", 300, "CNAME", f"{name.split('.', maxsplit=1)[0]}.acme.fleet.example.")


def test_nothing_is_done_when_nothing_differs() -> None:
    wanted = {(ZONE, 300, "NS", "ns-east.fleet.example."), challenge(ORDERS)}
    there = wanted | {(ORDERS, 5, "A", "192.0.2.1"), (ZONE, 300, "SOA", "whatever")}
    assert program.plan(ZONE, {ORDERS}, wanted, there) == []


def test_the_epoch_of_the_lease_is_the_daemons() -> None:
    there = {(f"_epoch.{ZONE}", 1, "TXT", '"7"'), (f"_epoch.{ORDERS}", 1, "TXT", '"7"')}
    assert program.plan(ZONE, {ORDERS}, set(), there) == [("zone-unset", ZONE, f"_epoch.{ORDERS}", "TXT")]


def test_addresses_of_names_that_stay_are_left_alone_whatever_else_changes() -> None:
    there = {(ORDERS, 5, "A", "192.0.2.1"), (OLD, 5, "A", "192.0.2.1"), challenge(OLD)}
    commands = program.plan(ZONE, {ORDERS, NEWS}, {challenge(ORDERS), challenge(NEWS)}, there)
    assert [command for command in commands if command[0] == "zone-unset"] == [
        ("zone-unset", ZONE, f"_acme-challenge.{OLD}", "CNAME"),
        ("zone-unset", ZONE, OLD, "A"),
    ]
    assert [command[2] for command in commands if command[0] == "zone-set"] == [
        f"_acme-challenge.{NEWS}",
        f"_acme-challenge.{ORDERS}",
    ]


def test_one_changed_name_server_brings_the_others_back_with_it() -> None:
    east, west, north = ((ZONE, 300, "NS", f"ns-{site}.fleet.example.") for site in ("east", "west", "north"))
    commands = program.plan(ZONE, set(), {east, north}, {east, west})
    assert commands[0] == ("zone-unset", ZONE, ZONE, "NS")
    assert {command[-1] for command in commands[1:]} == {east[3], north[3]}


KNOT_CONFIGURATION = """
server:
  listen: 127.0.0.1@53
  rundir: /mnt
log:
- target: stderr
  any: info
database:
  storage: /mnt
zone:
- domain: submit.fleet.example
  file: /mnt/zone
  zonefile-load: whole
  zonefile-sync: 0
  journal-content: changes
"""
ZONE_FILE = """\
submit.fleet.example. 300 SOA ns-east.fleet.example. hostmaster.fleet.example. 1 3600 600 1209600 5
submit.fleet.example. 300 NS ns-east.fleet.example.
orders.submit.fleet.example. 5 A 192.0.2.1
orders.submit.fleet.example. 5 A 192.0.2.2
old.submit.fleet.example. 5 A 192.0.2.1
_acme-challenge.orders.submit.fleet.example. 300 CNAME orders.acme.fleet.example.
_acme-challenge.old.submit.fleet.example. 300 CNAME old.acme.fleet.example.
"""
# Everything ends with the shell.
SCRIPT = """
set -e
mount --make-rprivate /
ip link set lo up
mount --bind "$1" "$1"
mount --bind "$2" "$1/mnt"
chroot "$1" sh -e <<'inside'
/usr/sbin/knotd -c /mnt/knot.conf >/mnt/knot.log 2>&1 &
until /usr/sbin/knotc -s /mnt/knot.sock zone-read submit.fleet.example. >/dev/null 2>&1; do sleep 0.05; done
python3 -I /mnt/program /mnt/config.json
python3 -I /mnt/program /mnt/config.json
/usr/sbin/knotc -s /mnt/knot.sock zone-read submit.fleet.example.
inside
"""


@pytest.mark.lab
def test_a_running_knot_gets_a_new_pool_and_loses_an_old_one(tmp_path: Path) -> None:
    host.require()
    cache = LabPaths.of("test", PROJECT).cache
    root = image.image_root(cache, image.ensure(cache))
    config: dict[str, Any] = {"zone": ZONE, "names": [ORDERS, NEWS]}
    config["records"] = [
        (ZONE, 300, "NS", "ns-east.fleet.example."),
        (ZONE, 300, "NS", "ns-west.fleet.example."),
    ]
    config["records"] += [challenge(ORDERS), challenge(NEWS)]
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "knot.conf").write_text(KNOT_CONFIGURATION)
    (tmp_path / "zone").write_text(ZONE_FILE)
    (tmp_path / "program").write_text(
        PROGRAM.read_text().replace("[KNOTC, ", '[KNOTC, "-s", "/mnt/knot.sock", ')
    )

    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    done = subprocess.run(
        [*apart, "sh", "-c", SCRIPT, "sh", str(root), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "knot.log").read_text()
    first, second, *records = done.stdout.splitlines()
    assert (first != "0 changes", second) == (True, "0 changes")
    found = {tuple(line.split(maxsplit=4)[1:]) for line in records if " SOA " not in line}
    assert found == {
        (ZONE, "300", "NS", "ns-east.fleet.example."),
        (ZONE, "300", "NS", "ns-west.fleet.example."),
        (ORDERS, "5", "A", "192.0.2.1"),
        (ORDERS, "5", "A", "192.0.2.2"),
        *((owner, str(ttl), kind, data) for owner, ttl, kind, data in (challenge(ORDERS), challenge(NEWS))),
    }
