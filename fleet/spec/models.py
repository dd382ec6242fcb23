"""The environment file as typed, immutable objects.

These classes hold what a person wrote and check each value by itself; rules that need more than
one value at a time live in :mod:`fleet.spec.rules`. Unknown keys are refused everywhere.
"""

from datetime import date
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Label = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")]
"""A DNS label that also serves as a host, region, pool or user name."""

Domain = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$")
]
"""A fully qualified domain name, lower case, without the final dot."""

Mailbox = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Sender = Annotated[str, StringConstraints(pattern=r"^[^@\s]*@[^@\s]+\.[^@\s]+$")]
"""An address a user may send as; `@domain` stands for every address of that domain."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Operator(_Strict):
    domain: Domain
    steered_zone: Domain
    contact: Mailbox


class Acme(_Strict):
    directory: Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
    caa: Domain


class Node(_Strict):
    address: IPv4Address
    name_server: bool = False


class Region(_Strict):
    network: IPv4Network
    nodes: Annotated[dict[Label, Node], Field(min_length=1)]


class Witness(_Strict):
    site: Label
    network: IPv4Network
    node: Label
    address: IPv4Address


class Pool(_Strict):
    """One stream of mail with its own addresses, queues and reputation.

    The first address of each node also takes submissions for the pool (ports 465 and 587).
    """

    submission: Domain
    warm_since: date | None = None
    addresses: Annotated[dict[Label, Annotated[list[IPv4Address], Field(min_length=1)]], Field(min_length=1)]


class DkimSelectors(_Strict):
    active: Label
    standby: Label


class Dmarc(_Strict):
    policy: Literal["none", "quarantine", "reject"] = "none"


class SendingDomain(_Strict):
    pools: Annotated[list[Label], Field(min_length=1)]
    return_path: Label
    dkim_selectors: DkimSelectors
    dmarc: Dmarc = Dmarc()
    mta_sts: Literal["none", "testing", "enforce"] = "testing"
    spf_includes: list[Domain] = []


class User(_Strict):
    pool: Label
    senders: Annotated[list[Sender], Field(min_length=1)]


class Limits(_Strict):
    message_bytes: Annotated[int, Field(ge=65_536, le=104_857_600)] = 10_485_760
    recipients_per_message: Annotated[int, Field(ge=1, le=1000)] = 100
    sessions_per_client: Annotated[int, Field(ge=1, le=10_000)] = 200
    queue_lifetime_hours: Annotated[int, Field(ge=1, le=240)] = 120


class Failover(_Strict):
    heartbeat_interval_milliseconds: Annotated[int, Field(ge=20, le=10_000)] = 100
    probe_interval_milliseconds: Annotated[int, Field(ge=20, le=10_000)] = 100
    probe_timeout_milliseconds: Annotated[int, Field(ge=20, le=10_000)] = 200
    fall: Annotated[int, Field(ge=1, le=100)] = 2
    rise: Annotated[int, Field(ge=1, le=1000)] = 20
    floor_percent: Annotated[int, Field(ge=1, le=100)] = 50
    dns_ttl_seconds: Annotated[int, Field(ge=1, le=300)] = 5


class Link(_Strict):
    delay_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    jitter_milliseconds: Annotated[int, Field(ge=0, le=1000)] = 0
    loss_percent: Annotated[float, Field(ge=0, le=50)] = 0


class Application(_Strict):
    site: Label
    network: IPv4Network
    node: Label
    address: IPv4Address


class Lab(_Strict):
    """What only a lab has: the world around the fleet."""

    link: Link = Link()
    application: Application
    operator_network: IPv4Network
    internet_network: IPv4Network


class Environment(_Strict):
    """One environment file."""

    environment: Label
    substrate: Literal["lab"]
    operator: Operator
    acme: Acme
    regions: dict[Label, Region]
    witness: Witness
    pools: Annotated[dict[Label, Pool], Field(min_length=1)]
    domains: Annotated[dict[Domain, SendingDomain], Field(min_length=1)]
    users: Annotated[dict[Label, User], Field(min_length=1)]
    limits: Limits = Limits()
    failover: Failover = Failover()
    lab: Lab | None = None
