"""The network's shape: names the kernel takes, addresses that cannot clash, no way out."""

from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from lab.network import plan

_labels = st.from_regex(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)


@given(_labels, _labels)
def test_device_names_fit_the_kernel_and_stay_apart(one: str, other: str) -> None:
    names = [plan.machine_port(one), plan.machine_port(other), plan.core_port(one)]
    assert all(len(name) <= 15 for name in names)
    assert (names[0] == names[1]) == (one == other)
    assert names[2] not in names[:2]


def test_the_gateway_is_the_last_usable_address() -> None:
    assert plan.gateway("198.51.100.0/24") == "198.51.100.254"
    assert plan.gateway("192.0.2.64/26") == "192.0.2.126"
    assert plan.gateway("198.18.0.0/15") == "198.19.255.254"


@given(st.sampled_from(["198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/26", "198.18.0.0/15"]))
def test_the_core_knows_the_site_s_network_and_no_default(network: str) -> None:
    commands = plan.core_commands("east", network)
    routes = [command.split()[2] for command in commands if command.startswith("route")]
    assert [IPv4Network(route) for route in routes] == [IPv4Network(network)]


def test_a_machine_speaks_from_its_first_address() -> None:
    commands = plan.machine_commands("east-1", "198.51.100.0/24", ("198.51.100.11", "198.51.100.21"))
    assert commands[-1] == "route add default via 198.51.100.254 dev eth0 src 198.51.100.11"
