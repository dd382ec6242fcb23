"""The two hand-overs between a lab's provisioning and its world machine.

Before its first boot the machine gets unit files (`prepare_machine`). Later, and again whenever the fleet
changes, the specification and the world's certificate authority are written into the data directory that
the machine sees as `DATA_DIRECTORY` (`write_specification`). A path unit on the machine notices the new
file, renders everything from it, reloads what changed and leaves the digest of what it applied.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from lab.world.spec import WorldSpec
from lab.world.units import ENABLED, UNITS

SPECIFICATION = "world.json"
APPLIED = "applied"
"""Holds the digest of the specification in force; written last."""

FAILED = "failed"
"""Holds the digest and the reason when the last specification could not be applied."""

CONTROL_SOCKET = "control.sock"
EVENTS = "events.jsonl"


def prepare_machine(root: Path) -> None:
    """Place and enable the world's systemd units below a machine's root directory; safe to repeat."""
    directory = root / "etc/systemd/system"
    for name, text in UNITS.items():
        _write(directory / name, text.encode(), 0o644)
    for unit, target in ENABLED.items():
        link = directory / f"{target}.wants" / unit
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(f"../{unit}")


def write_specification(directory: Path, spec: WorldSpec, ca_certificate: str, ca_key: str) -> None:
    """Hand the machine its certificate authority (PEM) and specification; safe to repeat.

    `directory` is the host's view of the machine's data directory. The specification is written last, so that
    the machine never acts on half of the hand-over.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / spec.ca_certificate.name, ca_certificate.encode(), 0o644)
    _write(directory / spec.ca_key.name, ca_key.encode(), 0o600)
    _write(directory / SPECIFICATION, spec.to_json().encode(), 0o644)


def is_applied(directory: Path, spec: WorldSpec) -> bool:
    """Whether the machine says that this very specification is in force."""
    try:
        return (directory / APPLIED).read_text().strip() == digest(spec)
    except OSError:
        return False


def nudge(directory: Path) -> None:
    """Ring once more for a specification written earlier; harmless at any time.

    systemd watches a file only while the service that a change starts is not running: a specification that
    comes just as the machine finishes with the one before is not noticed.
    """
    with contextlib.suppress(FileNotFoundError):
        os.utime(directory / SPECIFICATION)


def failure(directory: Path, spec: WorldSpec) -> str | None:
    """Why the machine could not apply this very specification, if it tried and failed."""
    try:
        applied, _, reason = (directory / FAILED).read_text().partition("\n")
    except OSError:
        return None
    return reason.strip() if applied == digest(spec) else None


def digest(spec: WorldSpec) -> str:
    """Names a specification by its content (hexadecimal SHA-256)."""
    return hashlib.sha256(spec.to_json().encode()).hexdigest()


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step, leaving it untouched when it already holds this content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
        return
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
    temporary.rename(path)
