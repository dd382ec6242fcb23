"""What the world must know about a fleet, as one JSON document.

Whoever provisions a lab writes a `WorldSpec` (see :mod:`lab.world.install`); the world machine renders
its zones, certificates and policies from it. Everything else about the world is fixed data.
"""

from datetime import date
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from fleet.errors import MtafleetError

DATA_DIRECTORY = Path("/var/lib/mtafleet-world")
"""Where the world machine sees the directory that the provisioning side writes and reads."""

CODE_DIRECTORY = Path("/opt/mtafleet")
"""Where the world machine sees the checkout (`lab` and `fleet` below it), read-only."""

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
ZoneName = Annotated[str, StringConstraints(pattern=rf"^({_LABEL}\.)*{_LABEL}$")]
"""A domain name in lower case, without the final dot."""


class WorldError(MtafleetError):
    """The world's description, data or machine is not as it must be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NameServer(_Strict):
    """A name server with the address its glue record shows."""

    name: ZoneName
    address: IPv4Address


class Delegation(_Strict):
    """A zone handed to name servers outside the world, with glue for those inside its parent zone."""

    zone: ZoneName
    name_servers: Annotated[tuple[NameServer, ...], Field(min_length=1)]


class WorldSpec(_Strict):
    """The fleet as the rest of the internet sees it.

    `reverse_names` maps each address to its PTR name. `warm_since` holds the day from which an address has
    been sending; an address without a day is fresh from the first message the world sees from it.
    Paths are those of the world machine. `catalogue` is the directory of ISP limits the simulated
    ISPs enforce.
    """

    delegations: tuple[Delegation, ...]
    reverse_names: dict[IPv4Address, ZoneName] = {}
    warm_since: dict[IPv4Address, date | None] = {}
    ca_certificate: Path = DATA_DIRECTORY / "ca.crt"
    ca_key: Path = DATA_DIRECTORY / "ca.key"
    catalogue: Path = CODE_DIRECTORY / "fleet" / "isps"

    def to_json(self) -> str:
        """The document as stable, readable JSON (same spec, same bytes)."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> "WorldSpec":
        """Read a specification; raises `WorldError` when it is missing or malformed."""
        try:
            return cls.model_validate_json(path.read_text())
        except OSError as error:
            raise WorldError(f"{path}: cannot read the world's specification: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise WorldError(f"{path}: {where}: {first['msg']}") from error
