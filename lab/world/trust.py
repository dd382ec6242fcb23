"""The roots a client of the lab must trust: the world's own authority and every root Pebble has had.

Pebble makes a new root at each start. They are gathered in one file, so that certificates issued before
a restart of the world machine stay valid. The ACME unit runs this module after each start of Pebble:
`python3 -m lab.world.trust DATA_DIRECTORY`.
"""

import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from lab.world import geography
from lab.world.install import SPECIFICATION
from lab.world.spec import WorldError, WorldSpec

ACME_ROOTS = "acme-roots.pem"
"""Beside the specification in the data directory: one PEM bundle."""


def trusted_pem(data: Path) -> str:
    """All that a client of the lab trusts, as one PEM bundle; raises `WorldError` before the world is up."""
    try:
        return (data / "ca.crt").read_text() + (data / ACME_ROOTS).read_text()
    except OSError as error:
        raise WorldError(f"{error.filename}: missing; bring the lab up first") from error


def collect_acme_roots(data: Path, ca_certificate: Path, timeout_seconds: float = 60.0) -> None:
    """Add Pebble's current root to the bundle; raises `WorldError` when Pebble does not answer in time."""
    context = ssl.create_default_context(cafile=str(ca_certificate))
    context.check_hostname = False  # asked by address: the machine resolves no names of its own world
    url = f"https://{geography.ACME_ADDRESS}:{geography.ACME_MANAGEMENT_PORT}/roots/0"
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10, context=context) as answer:
                root = answer.read().decode()
            break
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise WorldError(f"the ACME server does not answer at {url}: {error}") from error
            time.sleep(0.05)
    bundle = data / ACME_ROOTS
    known = bundle.read_text() if bundle.exists() else ""
    if root not in known:
        bundle.write_text(known + root)


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    try:
        collect_acme_roots(directory, WorldSpec.read(directory / SPECIFICATION).ca_certificate)
    except WorldError as failure:
        sys.exit(str(failure))
