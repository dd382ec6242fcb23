"""From the settings to the checks of this node."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from failover.checks.board import Check
from failover.checks.settings import CheckSettings

if TYPE_CHECKING:
    from failover.checks.canary import Canary


def checks_of(node: str, settings: CheckSettings | None) -> list[Check]:
    """All that this node looks at slowly; nothing without settings."""
    if settings is None:
        return []
    # dnspython loads slowly, and observers need none of this.
    from failover.checks.authority import NameServerCheck  # noqa: PLC0415
    from failover.checks.blocklists import BlockList  # noqa: PLC0415
    from failover.checks.exchangers import WayOut  # noqa: PLC0415
    from failover.checks.resolving import Lookup  # noqa: PLC0415
    from failover.checks.reverse import ReverseName  # noqa: PLC0415
    from failover.checks.served import ServedCertificate  # noqa: PLC0415

    lookup = Lookup(settings.resolver)
    found: list[Check] = []
    for address, one in settings.addresses.items():
        found.append(ReverseName(node, one.public, one.name, lookup))
        found += [BlockList(node, one.public, zone, lookup) for zone in settings.block_lists]
        if settings.way_out_domains:
            found.append(WayOut(node, one.pool, address, settings.way_out_domains, lookup))
    found += [
        ServedCertificate(node, one.node, one.address, one.port, one.name, one.starttls, time.time)
        for one in settings.certificates
    ]
    if settings.planned or settings.zones:
        found += [
            NameServerCheck(one, settings.planned, settings.zones, settings.name_server_interval_seconds)
            for one in settings.name_servers
        ]
    return found


def canary_of(
    node: str,
    settings: CheckSettings | None,
    instance_address: str,
    hindrance: Callable[[str], str | None],
    clock: Callable[[], float],
) -> "Canary | None":
    """The check that sends canaries; None where none are sent."""
    if settings is None or settings.canary is None or not settings.canary.pools:
        return None
    from failover.checks.canary import Canary  # noqa: PLC0415
    from failover.checks.submission import Submitter  # noqa: PLC0415

    submitter = Submitter(settings.canary, instance_address)
    return Canary(node, settings.canary, submitter.submit, hindrance, clock)
