"""Which blocklists are believed. Pure."""

from collections.abc import Mapping

from delivery.brain.events import Event, EventKind
from delivery.brain.model import Snapshot
from delivery.brain.rules import ReputationRules


def believed(snapshot: Snapshot, rules: ReputationRules) -> tuple[Mapping[str, str], frozenset[str]]:
    """By address why it is out, and the lists that are doubted.

    Blocklists that closed have answered "listed" for every address there is. So a list that names most of the
    fleet at once, while no receiver blocks any of those it names, is set aside and told of.
    """
    named: dict[str, list[str]] = {}
    for address, seen in snapshot.addresses.items():
        for one in seen.listings:
            named.setdefault(one.zone, []).append(address)
    total = len(snapshot.addresses)
    doubted = frozenset(
        zone
        for zone, addresses in named.items()
        if total >= rules.doubted_from_addresses
        and len(addresses) > rules.believed_listed_share * total
        and not any(snapshot.addresses[address].day.blocks for address in addresses)
    )
    out = {}
    for address, seen in snapshot.addresses.items():
        major = sorted(one.zone for one in seen.listings if one.major and one.zone not in doubted)
        if major:
            out[address] = f"listed by {', '.join(major)}"
    return out, doubted


def told_doubts(before: frozenset[str], now: frozenset[str]) -> list[Event]:
    """For each list that is doubted newly."""
    why = "it names most addresses of the fleet and no receiver blocks one of them"
    return [Event(EventKind.DOUBTED, zone, f"{zone} is not believed: {why}") for zone in sorted(now - before)]
