"""The daemon's configuration: one JSON file, rendered from the environment by configuration.

Shape (`fleet.steering.daemon_config` makes it from a fleet; all keys are required unless marked):

    {"node": "east-1",
     "secret_file": "/etc/mtafleet/failover/heartbeat.key",       32 or more characters, the same on all nodes
     "heartbeat": {"address": "198.51.100.11", "port": 7946},     where this daemon listens
     "peers": [{"name", "site", "role": "mta|witness|application", "address",
                "heartbeat_port" (optional), "probes": {"transactional": 11025, ..., "inbound": 10026}}],
                                                                  every node that takes part, this one too
     "pools": {"transactional": {"backends": ["pool_transactional_smtps", ...],
                                 "entries": {"east-1": "198.51.100.21", ...}, "entry_port": 587}, ...},
     "policy": {"heartbeat_interval_milliseconds", "probe_interval_milliseconds",
                "probe_timeout_milliseconds", "fall", "rise", "session_interval_milliseconds",
                "session_timeout_milliseconds", "floor_percent",
                "observers"},                                        the last one optional: 3
     "safety": {...},                                             optional, see failover/limits.py
     "seeing": {...},                                             optional, see failover/seeing.py
     "state_file": "/var/lib/mtafleet/failover/state.json",       optional: null remembers nothing
     "haproxy": {"socket": "/run/haproxy/admin.sock",             optional: null steers no front door
                 "sessions_port": 7947},                           optional: where it tells of ended sessions
     "dns": {"zone", "primaries": [{"name", "address", "port"}], "tsig_key_file", "ttl_seconds",
             "writers": ["east-1", ...], "lease_term_milliseconds",
             "route53": {"zone_id": "Z..."},                      optional: that zone is written as well
             "records": [{"name", "pool": "transactional" or null, "addresses": {"east-1": address}}]},
                                                                  optional: null judges no entries; without
                                                                  primaries they are judged, no DNS is written
     "views": {"socket": "/run/haproxy/admin.sock", "map_file": "/var/lib/mtafleet/failover/views.map",
               "nodes": ["west-1", ...]},                         optional: null tells health checkers nothing
     "store": {"servers": [{"name", "address", "port"}], "replicas", "client": "failover.east-1...",
               "authority_file", "certificate_file", "key_file"}, the fleet's shared store; needed with dns
     "maintenance": {"orders": "/var/lib/mtafleet/maintenance/orders.json",   (see failover/orders.py)
                     "last_good": "/var/lib/mtafleet/failover/maintenance.json"},
                                                                  optional: null heeds no orders
     "status_socket": "/run/mtafleet/failover.sock",
     "events_file": "/var/lib/mtafleet/failover/events.jsonl"}

A record whose pool is null follows the node's front door as a whole.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from failover.errors import ConfigError
from failover.fields import Fields, ipv4, port, read_json
from failover.limits import Safety, read_safety
from failover.seeing import Seeing, read_seeing
from failover.watching import OBSERVERS, Seat, assign

ROLES = ("mta", "witness", "application")
SECRET_BYTES_AT_LEAST = 32


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    site: str
    role: str
    address: str
    heartbeat_port: int | None
    probes: Mapping[str, int]
    """Probe port of each Postfix instance, by pool."""

    @property
    def judges(self) -> bool:
        """Whether others ask it what it finds: not application hosts, which are many, and others' to keep."""
        return self.heartbeat_port is not None and self.role in ("mta", "witness")


@dataclass(frozen=True, slots=True)
class Pool:
    backends: tuple[str, ...]
    entries: Mapping[str, str]
    """Where clients submit, by node; empty for a pool without submission."""
    entry_port: int


@dataclass(frozen=True, slots=True)
class Timing:
    heartbeat_interval_seconds: float
    probe_interval_seconds: float
    probe_timeout_seconds: float
    session_interval_seconds: float
    session_timeout_seconds: float
    fall: int
    rise: int
    floor_percent: int
    observers: int = OBSERVERS
    """Who watches each node in a large fleet, beside itself; see failover/watching.py."""


@dataclass(frozen=True, slots=True)
class Primary:
    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class SteeredRecord:
    name: str
    pool: str | None
    addresses: Mapping[str, str]
    """Address by node."""


@dataclass(frozen=True, slots=True)
class Steering:
    """The steered zone and who may write it; who comes first in `writers` is sooner to take a free lease."""

    zone: str
    primaries: tuple[Primary, ...]
    tsig_key_file: Path
    ttl_seconds: int
    writers: tuple[str, ...]
    lease_term_seconds: float
    records: tuple[SteeredRecord, ...]
    route53_zone_id: str | None = None
    """The zone in Route 53 that is written, if one is."""


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Which HAProxy tells health checkers how this node sees others, by what map, and of which nodes."""

    socket: Path
    map_file: Path
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreServer:
    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """Where the fleet's shared store is, and how this node shows who it is."""

    servers: tuple[StoreServer, ...]
    """In the order in which this node asks them."""
    replicas: int
    client: str
    """The name in this node's certificate."""
    authority_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class FrontDoorAccess:
    """This node's HAProxy: where it takes orders, and on which UDP port of loopback it tells of sessions."""

    socket: Path
    sessions_port: int | None = None


@dataclass(frozen=True, slots=True)
class MaintenanceFiles:
    """Where people's orders lie, and where the daemon keeps those that it could read last."""

    orders: Path
    last_good: Path


@dataclass(frozen=True)
class Config:
    node: str
    secret_file: Path
    heartbeat_address: str
    heartbeat_port: int
    peers: tuple[Peer, ...]
    pools: Mapping[str, Pool]
    timing: Timing
    haproxy: FrontDoorAccess | None
    steering: Steering | None
    views: ViewSettings | None
    store: StoreAccess | None
    maintenance: MaintenanceFiles | None
    status_socket: Path
    events_file: Path
    safety: Safety = field(default_factory=Safety)
    seeing: Seeing = field(default_factory=Seeing)
    state_file: Path | None = None
    """Where the daemon keeps who was out, and how often it came and went, over its restarts."""

    @cached_property
    def watchers(self) -> Mapping[str, frozenset[str]]:
        """Who watches each node, itself included; empty where all watch all.

        Application hosts watch every node, because they submit to every node, and give no word on any.
        """
        hosts = {peer.name for peer in self.peers if peer.role == "application"}
        seats = [Seat(peer.name, peer.site, peer.judges) for peer in self.peers]
        chosen = assign(seats, self.timing.observers)
        return {name: some | hosts | {name} for name, some in chosen.items()}

    def watches(self, node: str) -> bool:
        """Whether this daemon probes `node` and is to hear of it at every beat."""
        return node not in self.watchers or self.node in self.watchers[node]

    @property
    def watches_entries(self) -> bool:
        """Whether it matters to this node where clients submit."""
        return self.steering is not None or self.views is not None


@dataclass(frozen=True, slots=True)
class TsigKey:
    name: str
    algorithm: str
    secret: str
    """Base64."""


def load_config(path: Path) -> Config:
    """Read and check the file at `path`; ConfigError names the file, the key and what would be right."""
    return read_json(path, parse_config)


def parse_config(value: object) -> Config:
    """The configuration in decoded JSON."""
    fields = Fields(value, "")
    heartbeat = fields.inner("heartbeat")
    config = Config(
        node=fields.text("node"),
        secret_file=fields.path("secret_file"),
        heartbeat_address=heartbeat.address("address"),
        heartbeat_port=heartbeat.whole("port", 1, 65_535),
        peers=tuple(_peer(one) for one in fields.objects("peers")),
        pools=fields.mapping("pools", _pool),
        timing=_timing(fields.inner("policy")),
        haproxy=fields.optional("haproxy", _haproxy),
        steering=fields.optional("dns", _steering),
        views=fields.optional("views", _views),
        store=fields.optional("store", _store),
        maintenance=fields.optional("maintenance", _maintenance),
        status_socket=fields.path("status_socket"),
        events_file=fields.path("events_file"),
        safety=fields.optional("safety", read_safety) or Safety(),
        seeing=fields.optional("seeing", read_seeing) or Seeing(),
        state_file=fields.path("state_file") if fields.has("state_file") else None,
    )
    heartbeat.done()
    fields.done()
    _check_names(config)
    return config


def load_secret(path: Path) -> bytes:
    """The shared heartbeat secret; ConfigError when the file is missing or too short to resist guessing."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{path}: the heartbeat secret cannot be read: {error.strerror}") from None
    if len(secret) < SECRET_BYTES_AT_LEAST:
        raise ConfigError(
            f"{path}: the heartbeat secret has {len(secret)} characters, "
            f"at least {SECRET_BYTES_AT_LEAST} are needed"
        )
    return secret


def load_tsig_key(path: Path) -> TsigKey:
    """A key in the one-line form of kdig and knsupdate: `hmac-sha256:NAME:BASE64`."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the TSIG key cannot be read: {error}") from None
    match text.split(":"):
        case [algorithm, name, secret] if algorithm and name and _is_base64(secret):
            return TsigKey(name, algorithm, secret)
    raise ConfigError(f"{path}: expected one line `hmac-sha256:NAME:BASE64`")


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except binascii.Error:
        return False


def _peer(fields: Fields) -> Peer:
    heartbeat_port = fields.whole("heartbeat_port", 1, 65_535) if fields.has("heartbeat_port") else None
    peer = Peer(
        name=fields.text("name"),
        site=fields.text("site"),
        role=fields.text("role"),
        address=fields.address("address"),
        heartbeat_port=heartbeat_port,
        probes=fields.mapping("probes", port),
    )
    fields.done()
    if peer.role not in ROLES:
        raise ConfigError(f"{fields.at('role')}: expected one of {', '.join(ROLES)}, found {peer.role!r}")
    return peer


def _pool(value: object, path: str) -> Pool:
    fields = Fields(value, path)
    pool = Pool(
        backends=fields.texts("backends"),
        entries=fields.mapping("entries", ipv4),
        entry_port=fields.whole("entry_port", 1, 65_535),
    )
    fields.done()
    return pool


def _timing(fields: Fields) -> Timing:
    timing = Timing(
        heartbeat_interval_seconds=fields.seconds("heartbeat_interval_milliseconds", 20, 10_000),
        probe_interval_seconds=fields.seconds("probe_interval_milliseconds", 20, 10_000),
        probe_timeout_seconds=fields.seconds("probe_timeout_milliseconds", 20, 10_000),
        session_interval_seconds=fields.seconds("session_interval_milliseconds", 200, 600_000),
        session_timeout_seconds=fields.seconds("session_timeout_milliseconds", 100, 60_000),
        fall=fields.whole("fall", 1, 100),
        rise=fields.whole("rise", 1, 1000),
        floor_percent=fields.whole("floor_percent", 1, 100),
        observers=fields.whole("observers", 1, 100) if fields.has("observers") else OBSERVERS,
    )
    fields.done()
    return timing


def _haproxy(fields: Fields) -> FrontDoorAccess:
    port = fields.whole("sessions_port", 1, 65_535) if fields.has("sessions_port") else None
    access = FrontDoorAccess(fields.path("socket"), port)
    fields.done()
    return access


def _views(fields: Fields) -> ViewSettings:
    settings = ViewSettings(fields.path("socket"), fields.path("map_file"), fields.texts("nodes"))
    fields.done()
    return settings


def _maintenance(fields: Fields) -> MaintenanceFiles:
    files = MaintenanceFiles(fields.path("orders"), fields.path("last_good"))
    fields.done()
    return files


def _steering(fields: Fields) -> Steering:
    steering = Steering(
        zone=fields.text("zone"),
        primaries=tuple(_primary(one) for one in fields.objects("primaries")),
        tsig_key_file=fields.path("tsig_key_file"),
        ttl_seconds=fields.whole("ttl_seconds", 1, 300),
        writers=fields.texts("writers"),
        lease_term_seconds=fields.seconds("lease_term_milliseconds", 2_000, 60_000),
        records=tuple(_record(one) for one in fields.objects("records")),
        route53_zone_id=fields.optional("route53", _route53),
    )
    fields.done()
    return steering


def _route53(fields: Fields) -> str:
    zone_id = fields.text("zone_id")
    fields.done()
    return zone_id


def _store(fields: Fields) -> StoreAccess:
    access = StoreAccess(
        servers=tuple(_store_server(one) for one in fields.objects("servers")),
        replicas=fields.whole("replicas", 1, 5),
        client=fields.text("client"),
        authority_file=fields.path("authority_file"),
        certificate_file=fields.path("certificate_file"),
        key_file=fields.path("key_file"),
    )
    fields.done()
    if not access.servers:
        raise ConfigError(f"{fields.at('servers')}: a store needs at least one server")
    return access


def _store_server(fields: Fields) -> StoreServer:
    server = StoreServer(fields.text("name"), fields.address("address"), fields.whole("port", 1, 65_535))
    fields.done()
    return server


def _primary(fields: Fields) -> Primary:
    primary = Primary(fields.text("name"), fields.address("address"), fields.whole("port", 1, 65_535))
    fields.done()
    return primary


def _record(fields: Fields) -> SteeredRecord:
    record = SteeredRecord(
        name=fields.text("name"),
        pool=fields.optional_text("pool"),
        addresses=fields.mapping("addresses", ipv4),
    )
    fields.done()
    if not record.addresses:
        raise ConfigError(f"{fields.at('addresses')}: a steered name needs at least one address")
    return record


def _check_names(config: Config) -> None:
    """Names must agree across sections, or a probe would steer nothing without anyone noticing."""
    names = [peer.name for peer in config.peers]
    if len(set(names)) != len(names):
        raise ConfigError("peers: two peers have the same name")
    _check_known("node", [config.node], names, "peers")
    for index, peer in enumerate(config.peers):
        _check_known(f"peers[{index}].probes", peer.probes, config.pools, "pools")
    for name, pool in config.pools.items():
        _check_known(f"pools.{name}.entries", pool.entries, names, "peers")
    if config.views is not None:
        _check_known("views.nodes", config.views.nodes, names, "peers")
    for name, capacity in config.safety.capacity.items():
        _check_known("safety.capacity", [name], config.pools, "pools")
        _check_known(f"safety.capacity.{name}", capacity.messages_per_hour, names, "peers")
    if config.steering is not None:
        if config.store is None:
            raise ConfigError("store: needed with dns, whose writers share a lease there")
        _check_known("dns.writers", config.steering.writers, names, "peers")
        for index, record in enumerate(config.steering.records):
            _check_known(f"dns.records[{index}].addresses", record.addresses, names, "peers")
            if record.pool is not None:
                _check_known(f"dns.records[{index}].pool", [record.pool], config.pools, "pools")


def _check_known(path: str, found: Iterable[str], known: Iterable[str], where: str) -> None:
    allowed = set(known)
    for one in found:
        if one not in allowed:
            raise ConfigError(f"{path}: {one!r} is not among {where} ({', '.join(sorted(allowed))})")
