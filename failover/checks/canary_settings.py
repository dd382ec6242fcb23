"""The part of the configuration that says how canaries are sent: the key `seeing.checks.canary`.

{"user": "0-canary", "password_file": "/etc/mtafleet/failover/canary.key",
 "chain_file": "/etc/mtafleet/tls/fullchain.pem",    whoever issued this node's certificate is believed
 "arrival_port": 10024,                              LMTP, on the loopback interface
 "host_name": "east-1.fleet.example",                what this node's own instances call themselves
 "interval_seconds": 60, "limit_seconds": 60,
 "pools": {"orders": {"address": "198.51.100.21",    this node's own entry
                      "name": "orders.submit.fleet.example", "instance_port": 11465,
                      "sender": "canary@shop.example", "recipient": "canary+east-1@bounces.shop.example"}}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from failover.fields import Fields

_LONGEST_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class CanaryPool:
    """Where canaries of one pool go in, from whom and to whom."""

    address: str
    name: str
    """What the certificate there must prove."""
    instance_port: int
    """The instance's own listener, behind the front door."""
    sender: str
    recipient: str


@dataclass(frozen=True, slots=True)
class CanarySettings:
    user: str
    password_file: Path
    chain_file: Path
    arrival_port: int
    host_name: str
    interval_seconds: int
    limit_seconds: int
    pools: Mapping[str, CanaryPool]


def read_canary(fields: Fields) -> CanarySettings:
    """The object under `canary`; ConfigError names the key that is wrong."""
    settings = CanarySettings(
        user=fields.text("user"),
        password_file=fields.path("password_file"),
        chain_file=fields.path("chain_file"),
        arrival_port=fields.whole("arrival_port", 0, 65_535),
        host_name=fields.text("host_name"),
        interval_seconds=fields.whole("interval_seconds", 1, _LONGEST_SECONDS),
        limit_seconds=fields.whole("limit_seconds", 1, _LONGEST_SECONDS),
        pools=fields.mapping("pools", _pool),
    )
    fields.done()
    return settings


def _pool(value: object, path: str) -> CanaryPool:
    fields = Fields(value, path)
    pool = CanaryPool(
        address=fields.address("address"),
        name=fields.text("name"),
        instance_port=fields.whole("instance_port", 1, 65_535),
        sender=fields.text("sender"),
        recipient=fields.text("recipient"),
    )
    fields.done()
    return pool
