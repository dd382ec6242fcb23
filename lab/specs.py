"""What the lab is asked for (specs) and what it says is there (states).

All of it is made of strings, numbers, booleans and tuples, so that `dataclasses.asdict` gives
JSON and `from_json` reads it back. Addresses and networks are strings in their usual notation.
"""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """One place with a router of its own: a region, the witness's site, the internet.

    The router takes the last usable address of the network as its gateway address.
    """

    name: str
    network: str


@dataclass(frozen=True, slots=True)
class SiteState:
    name: str
    network: str
    gateway: str


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """What the path between two sites does to packets, the same in each direction.

    0 delay and 0 loss is the kernel's own path; anything else goes through the forwarder.
    """

    site_a: str
    site_b: str
    delay_milliseconds: float = 0.0
    jitter_milliseconds: float = 0.0
    loss_percent: float = 0.0

    @property
    def name(self) -> str:
        return link_name(self.site_a, self.site_b)


@dataclass(frozen=True, slots=True)
class LinkState:
    name: str
    site_a: str
    site_b: str
    delay_milliseconds: float
    jitter_milliseconds: float
    loss_percent: float


def link_name(site_a: str, site_b: str) -> str:
    """The name of a link, the same whichever end is given first."""
    first, second = sorted((site_a, site_b))
    return f"{first}--{second}"


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """A disk over the shared image. A disk with other contents than asked for is never adopted.

    `image` is an image id (`lab.image.build.image_id()`); `resolver` the name server's address
    that goes into /etc/resolv.conf; `authorized_keys` OpenSSH public key lines for root;
    `hosts` further lines "ADDRESS NAME..." for /etc/hosts.
    """

    name: str
    image: str
    host_name: str
    authorized_keys: tuple[str, ...]
    resolver: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskState:
    """`host_key` is the machine's public ed25519 host key, "ssh-ed25519 AAAA..."."""

    name: str
    image: str
    host_name: str
    host_key: str


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder of the host that a machine sees at `target`."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine: boots its disk at a site with these addresses (the first is the main one)."""

    name: str
    disk: str
    site: str
    addresses: tuple[str, ...]
    binds: tuple[Bind, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineState:
    """`running` is what the kernel says now. `boot` changes with every boot, None when not running."""

    name: str
    disk: str
    site: str
    addresses: tuple[str, ...]
    running: bool
    boot: str | None = None


@dataclass(frozen=True, slots=True)
class AddressSpec:
    """A further address of a machine, for instance a sending address."""

    machine: str
    address: str


@dataclass(frozen=True, slots=True)
class AddressState:
    machine: str
    address: str


def to_json(value: object) -> dict[str, Any]:
    """Turn a spec or state into plain JSON types."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"not a spec or state: {value!r}")
    return dataclasses.asdict(value)


def from_json(kind: type[T], data: Mapping[str, Any]) -> T:
    """Read a spec or state back; lists become tuples, whole floats pass as integers do.

    Raises TypeError for a missing or unknown key.
    """
    hints = typing.get_type_hints(kind)
    unknown = set(data) - set(hints)
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**{key: _revive(hints[key], value) for key, value in data.items()})


def _revive(hint: Any, value: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        (item, _ellipsis) = typing.get_args(hint)
        return tuple(_revive(item, entry) for entry in value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    return value
