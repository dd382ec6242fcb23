"""What a provider grants a source address: the catalogue's limits, and less while the address is young."""

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address

from fleet.catalogue import Catalogue, Stage
from lab.world.providers import Provider
from lab.world.spec import WorldError, WorldSpec
from lab.world.traffic import Limits

ESTABLISHED_AFTER_DAYS = 30
DAILY_GROWTH = 1.3
"""The published warm-up schedules grow by 30 to 40 % a day; what providers bear grows alike."""


def limits_of(provider: Provider, catalogue: Catalogue) -> Limits:
    """The figures for established addresses; raises `WorldError` when the catalogue has no such entry."""
    isp = catalogue.isps.get(provider.limits)
    if isp is None:
        raise WorldError(
            f"the ISP catalogue has no entry `{provider.limits}`, which {provider.name} enforces"
        )
    figures = isp.limits_at(Stage.ESTABLISHED)
    return Limits(
        connections=figures.connections.value,
        connections_per_fleet=isp.connections_counted == "per_fleet",
        messages_per_connection=figures.messages_per_connection.value,
        messages_per_minute=figures.messages_per_minute.value if figures.messages_per_minute else None,
        tls_required=isp.tls == "required",
    )


def allowance_of(provider: Provider, spec: Callable[[], WorldSpec]) -> Callable[[str, float], int | None]:
    """Messages a minute granted to an address at a time (Unix seconds); None once it is established."""

    def allowance(source: str, now: float) -> int | None:
        fresh = provider.fresh_messages_per_minute
        if fresh is None:
            return None
        since = spec().warm_since.get(IPv4Address(source))
        if since is None:
            return fresh
        age_days = (datetime.fromtimestamp(now, UTC).date() - since).days
        if age_days >= ESTABLISHED_AFTER_DAYS:
            return None
        return int(fresh * DAILY_GROWTH ** max(0, age_days))

    return allowance
