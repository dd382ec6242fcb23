"""A machine on AWS answers for what it sends from: the program by itself, and on real interfaces."""

import importlib.util
import json
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fleet.inventory import NodeModel
from fleet.paths import project_root
from fleet.render import TreeRenderer

PROGRAM = project_root() / "templates/base/usr/local/sbin/mtafleet-addresses"
OWN = "10.21.0.11"


def config(folder: Path, *sending: str) -> Path:
    path = folder / "addresses.json"
    path.write_text(json.dumps({"own": OWN, "network": "10.21.0.0/20", "sending": sending}))
    return path


@pytest.fixture
def program() -> ModuleType:
    spec = importlib.util.spec_from_loader("addresses", SourceFileLoader("addresses", str(PROGRAM)))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["addresses"] = module
    spec.loader.exec_module(module)
    return module


def wanted(program: ModuleType, *sending: str) -> Any:
    addresses = frozenset(map(IPv4Address, sending))
    return program.Wanted(IPv4Address(OWN), IPv4Network("10.21.0.0/20"), addresses)


def shown(**interfaces: list[str]) -> list[dict[str, Any]]:
    """As `ip -json address show` tells it."""
    return [
        {
            "ifname": name,
            "addr_info": [
                {
                    "family": "inet",
                    "local": one.partition("/")[0],
                    "prefixlen": int(one.partition("/")[2]),
                    "label": "lo:mtafleet" if name == "lo" and one.startswith("10.") else name,
                }
                for one in addresses
            ]
            + [{"family": "inet6", "local": "fe80::1", "prefixlen": 64}],
        }
        for name, addresses in interfaces.items()
    ]


def test_what_is_borne_already_is_left_alone(program: ModuleType) -> None:
    found = program.borne(shown(lo=["127.0.0.1/8", "10.21.0.21/32"], ens5=[f"{OWN}/24", "10.21.0.21/24"]))
    want = wanted(program, "10.21.0.21")
    assert program.missing(want, found) == []
    assert list(program.left_over(want, found)) == []


def test_an_address_on_the_real_interface_alone_comes_to_the_loopback_one(program: ModuleType) -> None:
    """Nothing would tell cloud-init's from one that vanishes with the next start of networkd."""
    found = program.borne(shown(lo=["127.0.0.1/8"], ens5=[f"{OWN}/24", "10.21.0.21/24"]))
    assert program.missing(wanted(program, "10.21.0.21"), found) == [IPv4Address("10.21.0.21")]


def test_only_what_the_fleet_put_there_goes(program: ModuleType) -> None:
    interfaces = shown(
        lo=["127.0.0.1/8", "10.21.0.22/32", "192.0.2.1/32"],
        ens5=[f"{OWN}/24", "10.21.0.23/24", "172.31.0.1/24"],
        docker0=["10.21.0.24/24"],
    )
    gone = program.left_over(wanted(program, "10.21.0.21"), program.borne(interfaces))
    assert [(one.interface, str(one.address)) for one in gone] == [
        ("lo", "10.21.0.22"),
        ("ens5", "10.21.0.23"),
    ]


def test_before_the_network_is_up_nothing_but_the_loopback_interface_is_touched(program: ModuleType) -> None:
    found = program.borne(shown(lo=["127.0.0.1/8"], ens5=["10.21.0.23/24"]))
    want = wanted(program, "10.21.0.21")
    assert program.missing(want, found) == [IPv4Address("10.21.0.21")]
    assert list(program.left_over(want, found)) == []


@pytest.mark.parametrize("text", ["{", '{"own": "10.21.0.11"}', '{"own": 1, "network": "x", "sending": []}'])
def test_a_configuration_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "addresses.json"
    path.write_text(text)
    words = [sys.executable, "-I", str(PROGRAM), "--check", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"mtafleet-addresses: {path}: ")


MACHINE = """
set -e
exec 3>&1 >/dev/null
ip link set lo up
ip link add ens5 type veth peer name cable
ip link set ens5 up && ip link set cable up
# As cloud-init leaves it: an address of the first boot comes before the machine's own one.
ip address add 10.21.0.30/24 dev ens5
ip address add 10.21.0.11/24 dev ens5
ip address add 192.0.2.1/32 dev lo
for config in "$@"; do
    "$PYTHON" -I "$PROGRAM" "$config" >&3
    ip -oneline -4 address show | while read -r _ name _ address _; do echo "  $name $address" >&3; done
done
"""


@pytest.mark.lab
def test_addresses_come_and_go_on_real_interfaces(tmp_path: Path) -> None:
    """The machine's own address stays, though a secondary one of what goes; what stays is not touched."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, sending in ((first, ["10.21.0.21", "10.21.0.22"]), (second, ["10.21.0.22", "10.21.0.23"])):
        folder.mkdir()
        config(folder, *sending)
    runs = [str(one / "addresses.json") for one in (first, first, second)]
    told = subprocess.run(
        ["unshare", "--net", "sh", "-c", MACHINE, "sh", *runs],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON": sys.executable, "PROGRAM": str(PROGRAM)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    always = ["  lo 127.0.0.1/8", "  lo 192.0.2.1/32"]
    own = f"  ens5 {OWN}/24"
    once = [*always, "  lo 10.21.0.21/32", "  lo 10.21.0.22/32", own]
    assert told.stdout.splitlines() == [
        *("10.21.0.21 came", "10.21.0.22 came", "10.21.0.30 went from ens5", *once),
        *once,
        *("10.21.0.23 came", "10.21.0.21 went from lo"),
        *(*always, "  lo 10.21.0.22/32", "  lo 10.21.0.23/32", own),
    ]


def test_a_machine_of_a_lab_has_none_of_it(nodes: dict[str, NodeModel]) -> None:
    tree = TreeRenderer(project_root() / "templates").render("base", nodes["east-1"])
    assert not [path for path in tree.contents if "addresses" in path]
    assert "addresses" not in tree.index.decode()
