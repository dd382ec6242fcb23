"""The simulated mailbox providers: names, addresses, demands and the wording of their refusals."""

from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter

from lab.world.spec import NameServer, ZoneName

DATA = Path(__file__).parent / "data" / "providers.yaml"

Refusal = Literal[
    "tls_required",
    "connections",
    "session_messages",
    "rate",
    "fresh",
    "unknown_user",
    "ptr",
    "unauthenticated",
    "spf",
    "dkim",
    "dmarc_missing",
    "alignment",
    "dmarc_policy",
    "unsubscribe",
]
"""The reasons for which a provider says no; each provider words each of them."""

REFUSALS: tuple[Refusal, ...] = get_args(Refusal)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Demands(_Strict):
    """What a provider insists on before it accepts a message."""

    ptr: Literal["ignore", "defer", "reject"] = "ignore"
    spf_or_dkim: Literal["ignore", "reject"] = "ignore"
    bulk_from_messages_per_day: int | None = None
    """From this many messages a day by one From domain, SPF, DKIM, DMARC and alignment are all demanded."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Hosts = Annotated[tuple[ZoneName, ...], BeforeValidator(_as_tuple)]


class Provider(_Strict):
    """One provider. `exchangers` maps MX host names to addresses, `domains` mailbox domains to MX records."""

    name: str
    limits: str
    network: IPv4Network
    host_zones: tuple[ZoneName, ...]
    exchangers: dict[ZoneName, IPv4Address]
    domains: dict[ZoneName, dict[int, Hosts]]
    banner: str
    enhanced_codes: bool = True
    fresh_messages_per_minute: int | None = None
    demands: Demands
    replies: dict[Refusal, str | None]

    @property
    def name_servers(self) -> tuple[NameServer, NameServer]:
        """The provider's own name servers, named inside the first zone it serves."""
        zone = self.zones[0]
        first = int(self.network.network_address) + 1
        return (
            NameServer(name=f"ns1.{zone}", address=IPv4Address(first)),
            NameServer(name=f"ns2.{zone}", address=IPv4Address(first + 1)),
        )

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones this provider's name servers answer for: its hosts' first, then its mailbox domains."""
        return tuple(dict.fromkeys((*self.host_zones, *self.domains)))


@cache
def load_providers(path: Path = DATA) -> tuple[Provider, ...]:
    """Every provider of the world, in the data file's order."""
    document = yaml.safe_load(path.read_text())
    entries = [{"name": name, **entry} for name, entry in document.items()]
    return TypeAdapter(tuple[Provider, ...]).validate_python(entries)
