"""Which lab is ours, and where everything of it lies.

Two checkouts on one computer must never touch each other's machines: the id of a lab holds a
digest of the checkout's path, and an owner file says the same in full, so that even two paths
with one digest, or a copied folder, are noticed before anything is adopted or removed.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fleet.paths import cache_directory
from lab.errors import OwnershipError

STATE_ROOT = Path("/var/lib/mtafleet/labs")
RUN_ROOT = Path("/run/mtafleet/labs")


def lab_id(environment: str, checkout: Path) -> str:
    """Return `<environment>-<6 hex digits>`, the same for every call from one checkout."""
    digest = hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()
    return f"{environment}-{digest[:6]}"


@dataclass(frozen=True, slots=True)
class LabPaths:
    """Every place one lab uses. Only `state` survives a restart of the computer in a useful way."""

    lab: str
    checkout: Path
    state: Path
    run: Path
    cache: Path

    @classmethod
    def of(cls, environment: str, checkout: Path) -> Self:
        identity = lab_id(environment, checkout)
        return cls(
            lab=identity,
            checkout=checkout.resolve(),
            state=STATE_ROOT / identity,
            run=RUN_ROOT / identity,
            cache=cache_directory(),
        )

    @property
    def disks(self) -> Path:
        return self.state / "disks"

    @property
    def shared(self) -> Path:
        """Folders of the host that machines see through bind mounts (the world's data)."""
        return self.state / "shared"

    @property
    def locks(self) -> Path:
        return self.run / "locks"

    @property
    def outer_record(self) -> Path:
        return self.run / "outer.json"

    @property
    def owner_file(self) -> Path:
        return self.state / "owner.json"


def owner(paths: LabPaths) -> Path | None:
    """Return the checkout that claimed this lab, or None when nobody has."""
    try:
        return Path(json.loads(paths.owner_file.read_text())["checkout"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise OwnershipError(
            f"{paths.owner_file}: is not an owner file; remove {paths.state} if no lab of yours uses it"
        ) from error


def claim(paths: LabPaths) -> None:
    """Make this lab ours, or raise OwnershipError when another checkout owns it."""
    for folder in (paths.state, paths.run, paths.locks):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_ours(paths)
    draft = paths.owner_file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"checkout": str(paths.checkout)}) + "\n")
    with suppress(FileExistsError):
        paths.owner_file.hardlink_to(draft)
    draft.unlink()
    require_ours(paths)


def require_ours(paths: LabPaths) -> None:
    """Raise OwnershipError when another checkout owns this lab; an unclaimed lab passes."""
    claimed_by = owner(paths)
    if claimed_by is not None and claimed_by != paths.checkout:
        raise OwnershipError(
            f"lab {paths.lab} belongs to the checkout {claimed_by}, not to {paths.checkout}; "
            f"destroy it from there, or remove {paths.state} if that checkout no longer exists"
        )
