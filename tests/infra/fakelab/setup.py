"""Puts a `FakeComputer` under the lab's resource kinds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lab.ids
from lab.provider import machines, network, world
from tests.infra.fakelab import computer as fake

Setter = Callable[[Any, str, Any], None]


def install(root: Path, replace: Setter = setattr) -> fake.FakeComputer:
    """Let the kinds work on a fake computer kept in `root`; `replace` is `setattr` or undoes itself."""
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
            replace(module, name, value)
    return computer
