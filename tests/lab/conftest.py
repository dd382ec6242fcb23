"""A small lab of the tests' own: three sites and two machines, made with the real parts."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import cgroups, disk, host, machine
from lab.ids import LabPaths
from lab.image import build as image
from lab.network import sites
from lab.outer import namespace
from lab.processes import start_ticks
from lab.specs import DiskSpec, MachineSpec, SiteSpec
from tests.lab import leftovers

SITES = {"east": "198.51.100.0/24", "west": "203.0.113.0/24", "operator": "192.0.2.128/26"}
MACHINES = {
    "east-1": MachineSpec("east-1", "east-1", "east", ("198.51.100.11", "198.51.100.21")),
    "west-1": MachineSpec("west-1", "west-1", "west", ("203.0.113.11",)),
}


@pytest.fixture(scope="session", autouse=True)
def _swept() -> None:
    """No machine of an earlier run, which was killed, takes the processor from these."""
    leftovers.sweep()


@pytest.fixture(scope="session")
def operator_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ssh key of the operator's; the public half lies beside it."""
    key = tmp_path_factory.mktemp("operator") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return key


@pytest.fixture(scope="session")
def machine_image() -> str:
    host.require()
    return image.ensure(LabPaths.of("test", Path.cwd()).cache)


@pytest.fixture(scope="module")
def small_lab(
    tmp_path_factory: pytest.TempPathFactory, operator_key: Path, machine_image: str
) -> Iterator[LabPaths]:
    """A running lab with all of SITES and MACHINES; removed at the end of the module."""
    paths = LabPaths.of("test", tmp_path_factory.mktemp("checkout"))
    namespace.destroy(paths)  # folders of tests have the same names again once the old ones are gone
    public_key = operator_key.with_suffix(".pub").read_text().strip()
    try:
        for name, network in SITES.items():
            sites.ensure(paths, SiteSpec(name, network))
        for name in MACHINES:
            disk.ensure(paths, disk_spec(name, machine_image, public_key))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda spec: machine.ensure(paths, spec), MACHINES.values()))
        yield paths
    finally:
        namespace.destroy(paths)


def disk_spec(name: str, machine_image: str, public_key: str) -> DiskSpec:
    return DiskSpec(name, machine_image, f"{name}.fleet.example", (public_key,), resolver="192.0.2.1")


def traces(paths: LabPaths) -> list[str]:
    """Everything on this computer that still tells of a lab; empty when it is gone without a trace."""
    found = [str(place) for place in (paths.state, paths.run) if place.exists()]
    for mount in Path("/proc/self/mounts").read_text().splitlines():
        if paths.lab in mount:
            found.append(mount)
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        found += [f"{folder}/{name}" for name in below if name == paths.lab]
        below[:] = [name for name in below if folder.count("/") < 6]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = f"{cgroups.PARENT}/{paths.lab}" in (process / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if inside and start_ticks(int(process.name)) is not None:  # dead ones may wait to be reaped
            found.append(str(process))
    return found
