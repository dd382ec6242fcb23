"""What others publish for the fleet: reverse names and delegations."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from fleet.topology import Fleet


@dataclass(frozen=True, slots=True)
class Delegation:
    """A zone handed to name servers; `name_servers` are pairs of name and address."""

    zone: str
    name_servers: tuple[tuple[str, IPv4Address], ...]


def reverse_names(fleet: Fleet) -> dict[IPv4Address, str]:
    """The PTR name of every address mail leaves from; each name's A record leads back to it."""
    return {sending.address: sending.name for sending in fleet.sending_addresses}


def delegations(fleet: Fleet) -> tuple[Delegation, ...]:
    """The zones whose parents lie outside the fleet: the operator's domain and the sending domains."""
    servers = tuple((fleet.name_server_name(node), node.address) for node in fleet.name_servers)
    domains = (fleet.environment.operator.domain, *fleet.environment.domains)
    return tuple(Delegation(domain, servers) for domain in domains)
