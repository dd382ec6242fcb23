"""Bring the world machine in line with its specification; run by systemd on that machine, as root.

Renders everything below the run directory, then starts what is down and reloads or restarts only what
changed: Pebble forgets its root certificate when it restarts, so it is left alone unless it must not be.
"""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from fleet.errors import MtafleetError
from lab.world import geography
from lab.world.certificates import Authority
from lab.world.install import APPLIED, FAILED, SPECIFICATION, digest
from lab.world.providers import Provider, load_providers
from lab.world.render import machine_addresses, render_files
from lab.world.spec import DATA_DIRECTORY, WorldError, WorldSpec
from lab.world.units import NAME_SERVERS, RUN_DIRECTORY

_SERIAL_FIELD = 6


def main() -> None:
    """Apply the specification and leave word of the outcome in the data directory."""
    specification = DATA_DIRECTORY / SPECIFICATION
    try:
        spec = WorldSpec.read(specification)
    except WorldError as error:
        sys.exit(str(error))
    try:
        apply(spec, load_providers(), DATA_DIRECTORY, Path(RUN_DIRECTORY))
    except (MtafleetError, OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        (DATA_DIRECTORY / FAILED).write_text(f"{digest(spec)}\n{reason}\n")
        sys.exit(f"cannot apply {specification}: {reason}")


def apply(spec: WorldSpec, providers: tuple[Provider, ...], data: Path, run: Path) -> None:
    """Render, order the services, wait for them, and record the specification as being in force."""
    own_addresses(spec, providers)
    changed = write_files(render_files(spec, providers, run, int(time.time())), run)
    changed |= issue_certificates(Authority.read(spec.ca_certificate, spec.ca_key), spec, providers, run)
    order_services(changed)
    (data / APPLIED).write_text(digest(spec) + "\n")


def own_addresses(spec: WorldSpec, providers: tuple[Provider, ...]) -> None:
    """Give the machine every address of the world it does not have yet."""
    present = _run("ip", "-4", "-oneline", "address", "show")
    owned = {line.split()[3].partition("/")[0] for line in present.splitlines()}
    for address in machine_addresses(spec, providers):
        if str(address) not in owned:
            _run("ip", "address", "add", f"{address}/32", "dev", "lo")


def write_files(files: dict[str, str], run: Path) -> set[str]:
    """Write what differs; a zone whose records are the same keeps its serial. Returns the changed paths."""
    changed = set()
    for name, text in files.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and _without_serial(path.read_text()) == _without_serial(text):
            continue
        path.write_text(text)
        changed.add(name)
    for directory in (run / f"knot-{level}" for level in NAME_SERVERS):
        (directory / "db").mkdir(exist_ok=True)
    return changed


def _without_serial(text: str) -> str:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        fields = line.split()
        if fields[1:3] == ["IN", "SOA"]:
            lines[number] = " ".join(fields[:5] + fields[_SERIAL_FIELD:])
            break
    return "\n".join(lines)


def issue_certificates(
    authority: Authority, spec: WorldSpec, providers: tuple[Provider, ...], run: Path
) -> set[str]:
    """Make every server certificate once per authority; returns the changed paths."""
    wanted = {provider.name: list(provider.exchangers) for provider in providers}
    wanted["acme"] = [geography.ACME_NAME]
    directory = run / "tls"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = directory / "issuer.pem"
    ca_certificate = spec.ca_certificate.read_bytes()
    if stamp.exists() and stamp.read_bytes() != ca_certificate:
        for path in directory.iterdir():
            path.unlink()
    changed = set()
    for name, names in wanted.items():
        path = directory / f"{name}.pem"
        if not path.exists():
            chain = authority.issue(names, datetime.now(UTC))
            key, _, certificates = chain.partition(b"-----BEGIN CERTIFICATE-----")
            path.write_bytes(b"-----BEGIN CERTIFICATE-----" + certificates)
            path.with_suffix(".key").write_bytes(key)
            changed.add(f"tls/{name}.pem")
    stamp.write_bytes(ca_certificate)
    return changed


def order_services(changed: set[str]) -> None:
    """Start, reload or restart each service as its changed files demand."""
    for level in NAME_SERVERS:
        mine = {name for name in changed if name.startswith(f"knot-{level}/")}
        must_restart = f"knot-{level}/knot.conf" in mine
        _order(f"mtafleet-world-knot@{level}.service", restart=must_restart, reload=bool(mine))
    _order("mtafleet-world-resolver.service", restart=bool(changed & {"unbound.conf", "root.hints"}))
    _order("mtafleet-world-acme.service", restart=bool(changed & {"pebble.json", "tls/acme.pem"}))
    _order("mtafleet-world-isps.service", reload=True)


def _order(unit: str, *, restart: bool = False, reload: bool = False) -> None:
    verb = "restart" if restart else "reload-or-restart" if reload else "start"
    _run("systemctl", verb, unit)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
