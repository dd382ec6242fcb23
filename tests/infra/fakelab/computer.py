"""A computer that only remembers: stands in for the lab's machinery below the `mtalab` provider.

Everything it was asked to make is one JSON file each under a folder, so that tests see it, kill it and count
it from outside, and so that it outlives the provider process like a real lab does.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.ids import LabPaths
from lab.specs import (
    AddressSpec,
    AddressState,
    DiskSpec,
    DiskState,
    LinkSpec,
    LinkState,
    MachineSpec,
    MachineState,
    SiteSpec,
    SiteState,
    from_json,
)


class FakeComputer:
    """Keeps what exists below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, folder: str, name: str) -> Path:
        return self.root / folder / f"{name}.json"

    def put(self, folder: str, name: str, value: Any, more: Mapping[str, Any] | None = None) -> None:
        path = self.path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({**dataclasses.asdict(value), **(more or {})}))
        draft.rename(path)

    def get(self, folder: str, name: str, kind: type[Any]) -> Any:
        known = {field.name for field in dataclasses.fields(kind)}
        try:
            data = json.loads(self.path(folder, name).read_text())
            return from_json(kind, {key: value for key, value in data.items() if key in known})
        except FileNotFoundError:
            return None

    def drop(self, folder: str, name: str) -> None:
        self.path(folder, name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        return sorted(path.stem for path in (self.root / folder).glob("*.json"))

    def kill(self, machine: str) -> None:
        """Power cut."""
        state = self.get("machines", machine, MachineState)
        self.put("machines", machine, dataclasses.replace(state, running=False))


@dataclasses.dataclass(frozen=True)
class _Outer:
    pid: int = 1


class Outer:
    def __init__(self, computer: FakeComputer) -> None:
        self._computer = computer

    def ensure(self, paths: LabPaths) -> _Outer:
        paths.state.mkdir(parents=True, exist_ok=True)
        self._computer.put("outer", paths.lab, _Outer())
        return _Outer()

    def find(self, paths: LabPaths) -> _Outer | None:
        found: _Outer | None = self._computer.get("outer", paths.lab, _Outer)
        return found

    def destroy(self, paths: LabPaths) -> None:
        for folder in ("outer", "sites", "links", "disks", "machines", "addresses"):
            for name in self._computer.names(folder):
                self._computer.drop(folder, name)
        shutil.rmtree(paths.state, ignore_errors=True)


class Image:
    def image_id(self) -> str:
        return "image-1"

    def image_root(self, cache: Path, image: str) -> Path | None:
        return cache

    def ensure(self, cache: Path, report: Callable[[str], None] | None = None) -> str:
        return "image-1"


class Sites:
    def __init__(self, computer: FakeComputer) -> None:
        self._computer = computer

    def ensure(self, paths: LabPaths, spec: SiteSpec) -> SiteState:
        state = SiteState(spec.name, spec.network, "192.0.2.254")
        self._computer.put("sites", spec.name, state)
        return state

    def read(self, paths: LabPaths, name: str) -> SiteState | None:
        state: SiteState | None = self._computer.get("sites", name, SiteState)
        return state

    def delete(self, paths: LabPaths, name: str) -> None:
        self._computer.drop("sites", name)


class Links:
    def __init__(self, computer: FakeComputer) -> None:
        self._computer = computer

    def ensure(self, paths: LabPaths, spec: LinkSpec) -> LinkState:
        state = LinkState(spec.name, **dataclasses.asdict(spec))
        self._computer.put("links", spec.name, state)
        return state

    def read(self, paths: LabPaths, name: str) -> LinkState | None:
        state: LinkState | None = self._computer.get("links", name, LinkState)
        return state

    def delete(self, paths: LabPaths, name: str) -> None:
        self._computer.drop("links", name)


class Disks:
    def __init__(self, computer: FakeComputer) -> None:
        self._computer = computer

    def ensure(self, paths: LabPaths, spec: DiskSpec) -> DiskState:
        existing: DiskState | None = self._computer.get("disks", spec.name, DiskState)
        serial = 1 + len(list(self._computer.root.glob("disk-serial-*")))
        if existing is not None:
            return existing
        (self._computer.root / f"disk-serial-{serial}").touch()
        state = DiskState(spec.name, spec.image, spec.host_name, f"ssh-ed25519 KEY{serial}")
        self._computer.put("disks", spec.name, state)
        return state

    def read(self, paths: LabPaths, name: str) -> DiskState | None:
        state: DiskState | None = self._computer.get("disks", name, DiskState)
        return state

    def delete(self, paths: LabPaths, name: str) -> None:
        self._computer.drop("disks", name)


class Machines:
    """Booting takes effect at once, unless a file `hold` in the root says to wait until it is gone."""

    def __init__(self, computer: FakeComputer) -> None:
        self._computer = computer

    def ensure(self, paths: LabPaths, spec: MachineSpec, timeout_seconds: float = 60.0) -> MachineState:
        if self._computer.get("disks", spec.disk, DiskState) is None:
            raise AssertionError(f"machine {spec.name} before its disk")
        self._wait_if_held(spec.name)
        before: MachineState | None = self._computer.get("machines", spec.name, MachineState)
        boot = 1 + (int(before.boot) if before and before.boot else 0)
        state = MachineState(spec.name, spec.disk, spec.site, spec.addresses, running=True, boot=str(boot))
        self._computer.put("machines", spec.name, spec, dataclasses.asdict(state))
        return state

    def read(self, paths: LabPaths, name: str) -> MachineState | None:
        state: MachineState | None = self._computer.get("machines", name, MachineState)
        return state

    def stop(self, paths: LabPaths, name: str, timeout_seconds: float = 30.0) -> None:
        self._computer.kill(name)

    def delete(self, paths: LabPaths, name: str) -> None:
        self._computer.drop("machines", name)

    def _wait_if_held(self, name: str) -> None:
        """Open the fifo `hold`, if there is one: its other end decides how long this lasts."""
        hold = self._computer.root / "hold"
        if hold.is_fifo():
            (self._computer.root / f"holding-{name}").touch()
            hold.read_text()


class Addresses:
    def __init__(self, computer: FakeComputer) -> None:
        self._computer = computer

    def ensure(self, paths: LabPaths, spec: AddressSpec) -> AddressState:
        state = AddressState(spec.machine, spec.address)
        self._computer.put("addresses", spec.address, state)
        return state

    def read(self, paths: LabPaths, machine: str, address: str) -> AddressState | None:
        state: AddressState | None = self._computer.get("addresses", address, AddressState)
        return state

    def delete(self, paths: LabPaths, machine: str, address: str) -> None:
        self._computer.drop("addresses", address)
