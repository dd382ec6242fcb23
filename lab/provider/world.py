"""Resource kinds: what the simulated internet knows about the fleet.

Addresses and delegations each keep a note in the lab's state folder; the world's specification is always
put together from all notes, so that each can come, change and go by itself, as at a real provider.
Until the World resource exists, notes only gather.
"""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

from pydantic import Field

from lab.api import AddressSpec, Bind, LabPaths, addresses, disk
from lab.provider.base import InLab, LabKind, Name, lab_errors
from lab.world import geography, install
from lab.world.providers import load_providers
from lab.world.spec import CODE_DIRECTORY, DATA_DIRECTORY, Delegation, NameServer, WorldSpec
from providerkit.kind import Created, Inputs, PartlyCreatedError, ProviderError, matching
from providerkit.progress import report
from providerkit.values import Json

DomainName = Annotated[
    str,
    matching(
        r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])",
        "a full domain name in lower case, without a final dot",
    ),
]
APPLY_TIMEOUT_SECONDS = 180.0
_POLL_SECONDS = 0.05
_NUDGE_SECONDS = 3.0


def world_addresses() -> tuple[str, ...]:
    """Every address the world machine answers on; the first is its main one."""
    fixed = (*geography.ROOT_SERVERS, *geography.TLD_SERVERS, *geography.PKI_SERVERS)
    found = [server.address for server in fixed] + [geography.ACME_ADDRESS, geography.RESOLVER_ADDRESS]
    for provider in load_providers():
        found += [server.address for server in provider.name_servers]
        found += provider.exchangers.values()
    return tuple(dict.fromkeys(str(address) for address in found))


def world_binds(paths: LabPaths, checkout: Path) -> tuple[Bind, ...]:
    """The folders the world machine sees: its code, read-only, and its data."""
    _data(paths).mkdir(parents=True, exist_ok=True)
    code = (
        Bind(str(checkout / room), str(CODE_DIRECTORY / room), read_only=True) for room in ("lab", "fleet")
    )
    return (*code, Bind(str(_data(paths)), str(DATA_DIRECTORY), read_only=False))


def prepare_world_machine(paths: LabPaths, disk_name: str) -> None:
    """Put the world's units on a disk before it boots."""
    install.prepare_machine(disk.folder(paths, disk_name) / "upper")


class AddressInputs(InLab):
    """`reverse_name` is the PTR name; `warm_since` the day from which the world counts it as known."""

    machine: Name
    address: IPv4Address
    reverse_name: DomainName
    warm_since: date | None = None


class Address(LabKind[AddressInputs]):
    """A sending address with its reverse name; the name changes in place."""

    resource_type = "mtalab:index:Address"
    folder = "addresses"
    inputs = AddressInputs
    replaces = frozenset({"lab", "machine", "address"})

    def identify(self, inputs: AddressInputs) -> str:
        return self.id_of(inputs.lab, str(inputs.address))

    def create(self, inputs: AddressInputs) -> Created:
        identity = self.identify(inputs)
        self.update(identity, inputs, {})
        return Created(identity)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, name = self.locate(identity)
        note = _read_note(paths, self.folder, name)
        if note is None:
            return None
        with lab_errors():
            held = addresses.read(paths, note["machine"], name)
        return None if held is None else {**note, "lab": paths.lab}

    def update(
        self, identity: str, inputs: AddressInputs, recorded: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        paths, name = self.locate(identity)
        with lab_errors():
            addresses.ensure(paths, AddressSpec(inputs.machine, name))
        _write_note(paths, self.folder, name, inputs)
        return {}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, name = self.locate(identity)
        note = _read_note(paths, self.folder, name)
        if note is None:
            return
        with lab_errors():
            addresses.delete(paths, note["machine"], name)
        _drop_note(paths, self.folder, name)


class NameServerInputs(Inputs):
    """A name server and the address its glue record shows."""

    name: DomainName
    address: IPv4Address


class DelegationInputs(InLab):
    """A zone and the fleet's name servers for it."""

    zone: DomainName
    name_servers: Annotated[tuple[NameServerInputs, ...], Field(min_length=1)]


class ZoneDelegation(LabKind[DelegationInputs]):
    """A zone the world's top-level domains hand to the fleet, as a registrar would; changes in place."""

    resource_type = "mtalab:index:Delegation"
    folder = "delegations"
    inputs = DelegationInputs
    replaces = frozenset({"lab", "zone"})

    def identify(self, inputs: DelegationInputs) -> str:
        return self.id_of(inputs.lab, inputs.zone)

    def create(self, inputs: DelegationInputs) -> Created:
        identity = self.identify(inputs)
        self.update(identity, inputs, {})
        return Created(identity)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, name = self.locate(identity)
        note = _read_note(paths, self.folder, name)
        return None if note is None else {**note, "lab": paths.lab}

    def update(
        self, identity: str, inputs: DelegationInputs, recorded: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        paths, name = self.locate(identity)
        _write_note(paths, self.folder, name, inputs)
        return {}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, name = self.locate(identity)
        _drop_note(paths, self.folder, name)


class WorldInputs(InLab):
    """The world's own certificate authority (PEM); `machine` is the id of the machine that plays it."""

    machine: str
    ca_certificate: str
    ca_key: str


class World(LabKind[WorldInputs]):
    """The simulated internet in force: name servers, mailbox providers, certificate authority.

    Outputs: `root_hints`, a list of `{name, address}`, and `acme_directory`.
    """

    resource_type = "mtalab:index:World"
    folder = "world"
    inputs = WorldInputs
    replaces = frozenset({"lab"})
    computed = frozenset({"root_hints", "acme_directory"})
    secret = frozenset({"ca_key"})

    def identify(self, inputs: WorldInputs) -> str:
        return self.id_of(inputs.lab, "world")

    def foresee(self, inputs: WorldInputs) -> Mapping[str, Json]:
        hints = [{"name": one.name, "address": str(one.address)} for one in geography.ROOT_SERVERS]
        return {"root_hints": hints, "acme_directory": geography.ACME_DIRECTORY}

    def create(self, inputs: WorldInputs) -> Created:
        identity = self.identify(inputs)
        return Created(identity, self.update(identity, inputs, {}))

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, _ = self.locate(identity)
        authority = _authority(paths)
        if authority is None:
            return None
        return {**recorded, "lab": paths.lab, "ca_certificate": authority[0], "ca_key": authority[1]}

    def update(self, identity: str, inputs: WorldInputs, recorded: Mapping[str, Json]) -> Mapping[str, Json]:
        paths, _ = self.locate(identity)
        computed = self.foresee(inputs)
        with _locked(paths), lab_errors():
            spec = _specification(paths)
            install.write_specification(_data(paths), spec, inputs.ca_certificate, inputs.ca_key)
        try:
            _wait_until_applied(paths, spec)
        except ProviderError as error:
            raise PartlyCreatedError(identity, str(error), computed) from error
        return computed

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, _ = self.locate(identity)
        (_data(paths) / install.SPECIFICATION).unlink(missing_ok=True)


# --- notes, and the specification made of them


def _data(paths: LabPaths) -> Path:
    return paths.shared / "world"


def _note_path(paths: LabPaths, folder: str, name: str) -> Path:
    return paths.state / "notes" / folder / f"{name}.json"


@contextmanager
def _locked(paths: LabPaths) -> Iterator[None]:
    """Hold the lock over notes and specification, against other calls and other processes."""
    (paths.state / "notes").mkdir(parents=True, exist_ok=True)
    with (paths.state / "notes" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_note(paths: LabPaths, folder: str, name: str) -> dict[str, Json] | None:
    try:
        note = json.loads(_note_path(paths, folder, name).read_text())
    except FileNotFoundError:
        return None
    return dict(note)


def _write_note(paths: LabPaths, folder: str, name: str, inputs: InLab) -> None:
    path = _note_path(paths, folder, name)
    text = inputs.model_dump_json(exclude={"lab"}, exclude_none=True, indent=2) + "\n"
    with _locked(paths):
        if path.exists() and path.read_text() == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(text)
        draft.rename(path)
        spec = _republish(paths)
    _wait_until_applied(paths, spec)


def _drop_note(paths: LabPaths, folder: str, name: str) -> None:
    with _locked(paths):
        _note_path(paths, folder, name).unlink(missing_ok=True)
        _republish(paths)


def _notes(paths: LabPaths, folder: str) -> list[dict[str, Json]]:
    files = sorted((paths.state / "notes" / folder).glob("*.json"))
    return [json.loads(file.read_text()) for file in files]


def _specification(paths: LabPaths) -> WorldSpec:
    held = _notes(paths, "addresses")
    return WorldSpec(
        delegations=tuple(
            Delegation(
                zone=note["zone"],
                name_servers=tuple(NameServer.model_validate(one) for one in note["name_servers"]),
            )
            for note in _notes(paths, "delegations")
        ),
        reverse_names={IPv4Address(note["address"]): note["reverse_name"] for note in held},
        warm_since={
            IPv4Address(note["address"]): date.fromisoformat(note["warm_since"])
            for note in held
            if "warm_since" in note
        },
    )


def _authority(paths: LabPaths) -> tuple[str, str] | None:
    """The certificate and key handed to the world, None before that."""
    data = _data(paths)
    try:
        spec = WorldSpec.model_validate_json((data / install.SPECIFICATION).read_text())
        return (data / spec.ca_certificate.name).read_text(), (data / spec.ca_key.name).read_text()
    except FileNotFoundError:
        return None


def _republish(paths: LabPaths) -> WorldSpec | None:
    """Write the specification anew if the world is in being; return it when it changed."""
    authority = _authority(paths)
    if authority is None:
        return None
    spec = _specification(paths)
    if (_data(paths) / install.SPECIFICATION).read_text() == spec.to_json():
        return None
    install.write_specification(_data(paths), spec, *authority)
    return spec


def _wait_until_applied(paths: LabPaths, spec: WorldSpec | None) -> None:
    """Wait until the world machine has `spec`, or a newer one, in force; ProviderError when it cannot."""
    if spec is None:
        return
    report("waiting for the simulated internet to take it up")
    deadline = time.monotonic() + APPLY_TIMEOUT_SECONDS
    path = _data(paths) / install.SPECIFICATION
    nudge_at = time.monotonic() + _NUDGE_SECONDS
    while time.monotonic() < deadline:
        current = WorldSpec.read(path) if path.read_text() != spec.to_json() else spec
        if install.is_applied(_data(paths), current):
            return
        reason = install.failure(_data(paths), current)
        if reason is not None:
            raise ProviderError(f"the simulated internet refused its specification {path}: {reason}")
        if time.monotonic() > nudge_at:
            install.nudge(_data(paths))
            nudge_at += _NUDGE_SECONDS
        time.sleep(_POLL_SECONDS)
    raise ProviderError(
        f"the world machine did not take up {path} within {APPLY_TIMEOUT_SECONDS:.0f} s; look at "
        "`journalctl -u mtafleet-world-apply` on it"
    )
