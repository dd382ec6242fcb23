"""The part of the configuration that says what this node looks at slowly: the key `seeing.checks`.

{"resolver": "127.0.0.1",
 "addresses": {"198.51.100.21": {"public": "198.51.100.21", "pool": "transactional",
                                 "name": "transactional-1.east-1.fleet.example"}},
                                                     this node's own sending addresses
 "way_out_domains": ["gmail.com"],                    empty: the way out is not looked at
 "block_lists": ["zen.spamhaus.org"],                 empty: none is asked
 "certificates": [{"node", "address", "port", "name", "starttls": true}],
 "name_servers": [{"name", "address", "port"}],
 "name_server_interval_milliseconds": 3000,
 "zones": ["fleet.example"],
 "planned": [["mx-east-1.fleet.example", "A", 300, ["198.51.100.11"]], ...],
 "canary": {...}}                                     optional, see failover/checks/canary_settings.py
"""

from collections.abc import Mapping
from dataclasses import dataclass

from failover.checks.canary_settings import CanarySettings, read_canary
from failover.errors import ConfigError
from failover.fields import Fields, whole

_LONGEST_TTL_SECONDS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """One of this node's sending addresses, by what the world sees of it."""

    public: str
    pool: str
    name: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where some node shows its certificate."""

    node: str
    address: str
    port: int
    name: str
    starttls: bool


@dataclass(frozen=True, slots=True)
class Server:
    """An authoritative name server of the fleet."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """All records of one name and type, their values as in a zone file."""

    name: str
    type: str
    ttl_seconds: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckSettings:
    resolver: str
    addresses: Mapping[str, OwnAddress]
    way_out_domains: tuple[str, ...]
    block_lists: tuple[str, ...]
    certificates: tuple[Endpoint, ...]
    name_servers: tuple[Server, ...]
    name_server_interval_seconds: float
    zones: tuple[str, ...]
    planned: tuple[PlannedAnswer, ...]
    canary: CanarySettings | None = None


def read_checks(fields: Fields) -> CheckSettings:
    """The object under `checks`; ConfigError names the key that is wrong."""
    settings = CheckSettings(
        resolver=fields.address("resolver"),
        addresses=fields.mapping("addresses", _own_address),
        way_out_domains=fields.texts("way_out_domains"),
        block_lists=fields.texts("block_lists"),
        certificates=tuple(_endpoint(one) for one in fields.objects("certificates")),
        name_servers=tuple(_server(one) for one in fields.objects("name_servers")),
        name_server_interval_seconds=fields.seconds("name_server_interval_milliseconds", 1_000, 3_600_000),
        zones=fields.texts("zones"),
        planned=tuple(
            _planned(one, f"{fields.at('planned')}[{number}]")
            for number, one in enumerate(fields.items("planned"))
        ),
        canary=fields.optional("canary", read_canary),
    )
    fields.done()
    return settings


def _own_address(value: object, path: str) -> OwnAddress:
    fields = Fields(value, path)
    found = OwnAddress(fields.address("public"), fields.text("pool"), fields.text("name"))
    fields.done()
    return found


def _endpoint(fields: Fields) -> Endpoint:
    found = Endpoint(
        node=fields.text("node"),
        address=fields.address("address"),
        port=fields.whole("port", 1, 65_535),
        name=fields.text("name"),
        starttls=fields.truth("starttls"),
    )
    fields.done()
    return found


def _server(fields: Fields) -> Server:
    found = Server(fields.text("name"), fields.address("address"), fields.whole("port", 1, 65_535))
    fields.done()
    return found


def _planned(value: object, path: str) -> PlannedAnswer:
    match value:
        case [str(name), str(rdtype), int(ttl), [*values]] if values and all(
            isinstance(one, str) for one in values
        ):
            whole(ttl, f"{path}[2]", 0, _LONGEST_TTL_SECONDS)
            return PlannedAnswer(name, rdtype, ttl, tuple(str(one) for one in values))
    raise ConfigError(f"{path}: expected [name, type, seconds to keep it, [values]]")
