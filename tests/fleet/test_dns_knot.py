"""The zones as a real Knot takes and answers them, in a network of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.dns import Zone, zone_text, zones
from fleet.topology import Fleet
from lab import host
from lab.ids import LabPaths
from lab.image import build as image
from tests.fleet.test_dns_verify import KEYS

pytestmark = pytest.mark.lab

PROJECT = Path(__file__).parents[2]

# Both primaries' addresses on one loopback; everything ends with the shell.
SCRIPT = """
set -e
mount --make-rprivate /
ip link set lo up
ip address add 198.51.100.11/32 dev lo
ip address add 203.0.113.11/32 dev lo
mount --bind "$1" "$1"
mount --bind "$2" "$1/mnt"
chroot "$1" /usr/sbin/knotd -c /mnt/knot.conf >"$2/knot.log" 2>&1 &
exec "$3" -m tests.fleet.ask_knot
"""


def configuration(all_zones: tuple[Zone, ...]) -> str:
    lines = ["server:", "  listen: [198.51.100.11@53, 203.0.113.11@53]", "  rundir: /mnt"]
    lines += ["log:", "- target: stderr", "  any: info", "database:", "  storage: /mnt", "zone:"]
    for zone in all_zones:
        lines += [f"- domain: {zone.name}", f"  file: /mnt/{zone.name}.zone", "  semantic-checks: true"]
    return "\n".join(lines) + "\n"


def test_knot_takes_every_zone_and_answers_as_meant(lab_fleet: Fleet, tmp_path: Path) -> None:
    host.require()
    cache = LabPaths.of("test", PROJECT).cache
    root = image.image_root(cache, image.ensure(cache))
    all_zones = zones(lab_fleet, KEYS)
    (tmp_path / "knot.conf").write_text(configuration(all_zones))
    for zone in all_zones:
        (tmp_path / f"{zone.name}.zone").write_text(zone_text(zone, 1))

    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    command = [*apart, "sh", "-c", SCRIPT, "sh", str(root), str(tmp_path), sys.executable]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=900, check=False)

    log = (tmp_path / "knot.log").read_text()
    assert done.returncode == 0, done.stderr + log
    servers = json.loads(done.stdout)["views"]
    assert [view["view"] for view in servers] == [
        "ns-east.fleet.example (198.51.100.11)",
        "ns-west.fleet.example (203.0.113.11)",
    ]
    assert all(view["checked"] > 90 and not view["differences"] for view in servers), servers
    assert "error" not in log
