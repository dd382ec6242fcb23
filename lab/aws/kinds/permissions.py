"""Rules written inside a security group, taken apart to single permissions and put together again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.aws.base import State, Values

_PEERS = {  # by property: the list EC2 keeps such peers in, and what it calls one
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
_ALL = "-1"


@dataclass(frozen=True, order=True)
class Permission:
    """One protocol, one range of ports, one peer; `kind` is the property that names the peer."""

    protocol: str
    first: int
    last: int
    kind: str
    peer: str
    description: str = ""

    def as_ec2(self) -> dict[str, Any]:
        """Return it as the authorizing and revoking calls take it."""
        listed, key = _PEERS[self.kind]
        peer = {key: self.peer, **({"Description": self.description} if self.description else {})}
        ports = {} if self.protocol == _ALL else {"FromPort": self.first, "ToPort": self.last}
        return {"IpProtocol": self.protocol, **ports, listed: [peer]}


def asked(rules: Iterable[Values], group: str) -> frozenset[Permission]:
    """Return the permissions of a group's rules; `self` stands for the group."""
    found = set()
    for rule in rules:
        peers = [(kind, peer) for kind in _PEERS for peer in rule.get(kind) or []]
        peers += [("securityGroups", group)] if rule.get("self") else []
        protocol = rule["protocol"].lower().replace("all", _ALL)
        first, last = (0, 0) if protocol == _ALL else (rule["fromPort"], rule["toPort"])
        description = rule.get("description") or ""
        found |= {Permission(protocol, first, last, kind, peer, description) for kind, peer in peers}
    return frozenset(found)


def present(listed: Iterable[Mapping[str, Any]]) -> frozenset[Permission]:
    """Return the permissions EC2 describes."""
    return frozenset(
        Permission(
            one["IpProtocol"],
            0 if one["IpProtocol"] == _ALL else one["FromPort"],
            0 if one["IpProtocol"] == _ALL else one["ToPort"],
            kind,
            peer[key],
            peer.get("Description", ""),
        )
        for one in listed
        for kind, (ec2_list, key) in _PEERS.items()
        for peer in one.get(ec2_list, [])
    )


def told(permissions: frozenset[Permission], recorded: Iterable[Values] | None, group: str) -> list[State]:
    """Return the rules as recorded when they say the same, else grouped by what they let through."""
    recorded = list(recorded or [])
    if asked(recorded, group) == permissions:
        return [dict(rule) for rule in recorded]
    rules: dict[tuple[Any, ...], State] = {}
    for one in sorted(permissions):
        key = (one.protocol, one.first, one.last, one.description)
        rule = rules.setdefault(key, {"protocol": one.protocol, "fromPort": one.first, "toPort": one.last})
        if one.description:
            rule["description"] = one.description
        if one.kind == "securityGroups" and one.peer == group:
            rule["self"] = True
        else:
            rule.setdefault(one.kind, []).append(one.peer)
    return list(rules.values())
