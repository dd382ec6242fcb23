"""Resource kinds: disks and machines. A disk outlives its machine, and so does a mail queue on it."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field

from lab.api import Bind, DiskSpec, LabPaths, MachineSpec, MachineState, disk, machine
from lab.errors import BootError
from lab.provider.base import CHECKOUT, InLab, LabKind, Name, lab_errors
from lab.provider.world import prepare_world_machine, world_addresses, world_binds
from providerkit.kind import Created, PartlyCreatedError, matching
from providerkit.progress import report
from providerkit.values import Json

PublicKey = Annotated[
    str,
    matching(
        r"ssh-[a-z0-9-]+ [A-Za-z0-9+/=]+( \S.*)?", "a public key as OpenSSH writes it, `ssh-ed25519 AAAA...`"
    ),
]


class DiskInputs(InLab):
    """What a disk holds before its first boot."""

    name: Name
    image: Annotated[str, Field(min_length=1)]
    host_name: Annotated[str, Field(min_length=1)]
    authorized_keys: Annotated[tuple[PublicKey, ...], Field(min_length=1)]
    resolver: IPv4Address = IPv4Address("127.0.0.1")


class Disk(LabKind[DiskInputs]):
    """What a machine keeps over boots. Output: `host_key`, the machine's public SSH host key."""

    resource_type = "mtalab:index:Disk"
    folder = "disks"
    inputs = DiskInputs
    replaces = frozenset(DiskInputs.model_fields)
    computed = frozenset({"host_key"})

    def identify(self, inputs: DiskInputs) -> str:
        return self.id_of(inputs.lab, inputs.name)

    def create(self, inputs: DiskInputs) -> Created:
        identity = self.identify(inputs)
        paths, name = self.locate(identity)
        spec = DiskSpec(name, inputs.image, inputs.host_name, inputs.authorized_keys, str(inputs.resolver))
        with lab_errors():
            state = disk.ensure(paths, spec)
        return Created(identity, {"host_key": state.host_key})

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, name = self.locate(identity)
        with lab_errors():
            state = disk.read(paths, name)
        if state is None:
            return None
        found = {"image": state.image, "host_name": state.host_name, "host_key": state.host_key}
        return {**recorded, "lab": paths.lab, "name": name, **found}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, name = self.locate(identity)
        with lab_errors():
            disk.delete(paths, name)


class MachineInputs(InLab):
    """`disk` is the id of a Disk. The first address is the machine's main one.

    A machine of purpose `world` plays the internet: it also gets the world's own addresses, code and data.
    `running` is false for a machine that is to stay switched off.
    """

    name: Name
    disk: Annotated[
        str, matching(r"[a-z0-9-]+/disks/[a-z0-9-]+", "a disk's id, which reads like lab-0a1b2c/disks/NAME")
    ]
    site: Name
    addresses: tuple[IPv4Address, ...] = ()
    purpose: Literal["fleet", "world"] = "fleet"
    running: bool = True


class Machine(LabKind[MachineInputs]):
    """A booted system. A dead one reads as not running, and updating it boots the same disk again."""

    resource_type = "mtalab:index:Machine"
    folder = "machines"
    inputs = MachineInputs
    replaces = frozenset({"lab", "name", "disk", "site", "addresses", "purpose"})

    def identify(self, inputs: MachineInputs) -> str:
        return self.id_of(inputs.lab, inputs.name)

    def create(self, inputs: MachineInputs) -> Created:
        identity = self.identify(inputs)
        paths, _ = self.locate(identity)
        self._bring_to(paths, identity, inputs)
        return Created(identity)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, name = self.locate(identity)
        with lab_errors():
            state = machine.read(paths, name)
        return None if state is None else _found(paths, state)

    def update(
        self, identity: str, inputs: MachineInputs, recorded: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        paths, _ = self.locate(identity)
        self._bring_to(paths, identity, inputs)
        return {}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, name = self.locate(identity)
        with lab_errors():
            machine.delete(paths, name)

    def _bring_to(self, paths: LabPaths, identity: str, inputs: MachineInputs) -> None:
        """Boot or stop the machine as asked; a machine that does not answer is recorded all the same."""
        with lab_errors():
            if not inputs.running:
                machine.stop(paths, inputs.name)
                return
            if inputs.purpose == "world":
                prepare_world_machine(paths, inputs.disk.rpartition("/")[2])
            report("booting")
            try:
                machine.ensure(paths, _spec(paths, inputs))
            except BootError as error:
                raise PartlyCreatedError(identity, str(error)) from error


def _spec(paths: LabPaths, inputs: MachineInputs) -> MachineSpec:
    addresses = tuple(str(address) for address in inputs.addresses)
    binds: tuple[Bind, ...] = ()
    if inputs.purpose == "world":
        addresses += tuple(one for one in world_addresses() if one not in addresses)
        binds = world_binds(paths, CHECKOUT)
    return MachineSpec(inputs.name, inputs.disk.rpartition("/")[2], inputs.site, addresses, binds)


def _found(paths: LabPaths, state: MachineState) -> dict[str, Json]:
    own = set(world_addresses())
    is_world = bool(own & set(state.addresses))
    return {
        "lab": paths.lab,
        "name": state.name,
        "disk": f"{paths.lab}/disks/{state.disk}",
        "site": state.site,
        "addresses": [address for address in state.addresses if not (is_world and address in own)],
        "purpose": "world" if is_world else "fleet",
        "running": state.running,
    }
