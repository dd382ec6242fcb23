"""How long the lab's machines take, and what they use when nothing happens.

    uv run python -m bench.lab_machines

Makes six sites and seven machines in a lab of its own, prints one JSON object, removes the lab.
Times are wall clock and depend on what else the computer does; `load_average` says how much.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from lab.api import DiskSpec, LabPaths, MachineSpec, SiteSpec, disk, image, machine, outer, sites, usage

IDLE_SECONDS = 10


def main() -> None:
    environment = load_environment("lab")
    with tempfile.TemporaryDirectory() as checkout:
        paths = LabPaths.of("bench", Path(checkout))
        try:
            print(json.dumps(_measure(paths, environment), indent=2))
        finally:
            outer.destroy(paths)


def _measure(paths: LabPaths, environment: Environment) -> dict[str, object]:
    machine_image = image.ensure(paths.cache)
    networks, machines = _layout(environment)
    names = list(machines)
    return {
        "load_average": os.getloadavg()[0],
        "sites_seconds": _timed(lambda: [sites.ensure(paths, SiteSpec(*item)) for item in networks.items()]),
        "disks_seconds": _timed(lambda: _make_disks(paths, names, machine_image)),
        "boot_all_to_ssh_seconds": _timed(lambda: _at_once(lambda s: machine.ensure(paths, s), machines)),
        "kill_to_ssh_again_seconds": _timed(lambda: _kill_and_start(paths, names[0])),
        "idle_memory_megabytes": {name: round(usage.memory_bytes(paths, name) / 1e6, 1) for name in names},
        "idle_cpu_percent": _idle_cpu_percent(paths, names),
        "destroy_seconds": _timed(lambda: outer.destroy(paths)),
    }


def _layout(environment: Environment) -> tuple[dict[str, str], dict[str, MachineSpec]]:
    """The sites' networks and the machines of an environment, the internet's machine included."""
    lab = environment.lab
    if lab is None:
        raise SystemExit("the environment has no lab section")
    places = [(name, region.network) for name, region in environment.regions.items()]
    witness, application = environment.witness, lab.application
    places += [(witness.site, witness.network), (application.site, application.network)]
    places += [("operator", lab.operator_network), ("internet", lab.internet_network)]
    hosts = [(node, site, spec.address) for site, region in environment.regions.items()
             for node, spec in region.nodes.items()]  # fmt: skip
    hosts += [(witness.node, witness.site, witness.address)]
    hosts += [(application.node, application.site, application.address)]
    hosts += [("internet-1", "internet", lab.internet_network[1])]
    networks = {name: str(network) for name, network in places}
    return networks, {name: MachineSpec(name, name, site, (str(address),)) for name, site, address in hosts}


def _make_disks(paths: LabPaths, names: list[str], machine_image: str) -> None:
    for name in names:
        disk.ensure(paths, DiskSpec(name, machine_image, f"{name}.fleet.example", (), "198.18.0.1"))


def _at_once(work: Callable[[MachineSpec], object], machines: dict[str, MachineSpec]) -> None:
    with ThreadPoolExecutor(len(machines)) as pool:
        list(pool.map(work, machines.values()))


def _kill_and_start(paths: LabPaths, name: str) -> None:
    machine.kill(paths, name)
    machine.start(paths, name)


def _idle_cpu_percent(paths: LabPaths, names: list[str]) -> float:
    """All machines together, in percent of one core, once each has finished booting."""
    for name in names:
        waiting = machine.entry(paths, name, ["systemctl", "is-system-running", "--wait"])
        subprocess.run(waiting, check=True, stdout=subprocess.DEVNULL)
    before = sum(usage.cpu_usage_seconds(paths, name) for name in names)
    time.sleep(IDLE_SECONDS)
    used = sum(usage.cpu_usage_seconds(paths, name) for name in names) - before
    return round(100 * used / IDLE_SECONDS, 2)


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    main()
