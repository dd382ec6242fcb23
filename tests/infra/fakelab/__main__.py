"""Serves the real resource kinds of the lab over a `FakeComputer` in the folder `$MTAFLEET_FAKE_LAB`."""

import os
from pathlib import Path
from typing import Any

import lab.ids
from lab.provider import machines, network, world
from tests.infra.fakelab import computer as fake


def install(root: Path) -> fake.FakeComputer:
    """Put a fake computer under the lab's resource kinds, in this process only."""
    computer = fake.FakeComputer(root)
    replacements: dict[Any, dict[str, Any]] = {
        lab.ids: {"STATE_ROOT": root / "state", "RUN_ROOT": root / "run"},
        network: {
            "outer": fake.Outer(computer),
            "image": fake.Image(),
            "sites": fake.Sites(computer),
            "links": fake.Links(computer),
        },
        machines: {
            "disk": fake.Disks(computer),
            "machine": fake.Machines(computer),
            "prepare_world_machine": lambda paths, disk: None,
        },
        world: {"addresses": fake.Addresses(computer), "_wait_until_applied": lambda paths, spec: None},
    }
    for module, names in replacements.items():
        for name, value in names.items():
            setattr(module, name, value)
    return computer


if __name__ == "__main__":
    from lab.provider.__main__ import KINDS
    from providerkit.serve import serve

    install(Path(os.environ["MTAFLEET_FAKE_LAB"]))
    serve("mtalab", "0.1.0", KINDS)
