"""Simulated providers that count and verify as ever, but turn nobody away for the pace of mail.

Plain Postfix knows nothing of the providers' caps on connections and would be refused for it, while the fleet
keeps to them by itself. Lifted for the comparison, both sides have each message taken at the first attempt;
the fleet still goes by its own caps.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from fleet.catalogue import Catalogue
from fleet.paths import project_root
from lab.ids import LabPaths
from lab.world import install
from lab.world.spec import DATA_DIRECTORY, WorldSpec

FOLDER = "lenient-isps"
CONNECTIONS = 1000
MESSAGES_PER_CONNECTION = 10_000
APPLY_TIMEOUT_SECONDS = 60.0
NUDGE_SECONDS = 1.0


@contextmanager
def lenient_providers(paths: LabPaths) -> Iterator[None]:
    """Lift the providers' limits on pace; they are back on the way out.

    Enter it after everything that changes what the world knows: such a change would bring the limits back.
    """
    data = paths.shared / "world"
    spec = WorldSpec.read(data / install.SPECIFICATION)
    write_lenient(project_root() / "fleet" / "isps", data / FOLDER)
    try:
        _put_in_force(data, spec.model_copy(update={"catalogue": DATA_DIRECTORY / FOLDER}))
        yield
    finally:
        _put_in_force(data, spec)
        shutil.rmtree(data / FOLDER, ignore_errors=True)


def write_lenient(source: Path, target: Path) -> None:
    """Copy a catalogue, with many connections, long ones, and no pace for addresses of any age."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(source.glob("*.yaml")):
        document: dict[str, Any] = yaml.safe_load(path.read_text())
        for limits in document["limits"].values():
            limits["connections"]["value"] = CONNECTIONS
            limits["messages_per_connection"]["value"] = MESSAGES_PER_CONNECTION
            for pace in ("messages_per_minute", "messages_per_hour", "new_connections_per_minute"):
                limits.pop(pace, None)
        (target / path.name).write_text(yaml.safe_dump(document, allow_unicode=True))
    Catalogue.load(target)


def _put_in_force(data: Path, spec: WorldSpec) -> None:
    install.write_specification(
        data, spec, (data / spec.ca_certificate.name).read_text(), (data / spec.ca_key.name).read_text()
    )
    deadline = time.monotonic() + APPLY_TIMEOUT_SECONDS
    while not install.is_applied(data, spec):
        if time.monotonic() > deadline or install.failure(data, spec):
            raise BenchError(f"the simulated internet did not take up {data / install.SPECIFICATION}")
        time.sleep(NUDGE_SECONDS)
        install.nudge(data)
