"""The lab's resource kinds over a computer that only remembers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import BootError
from lab.ids import LabPaths
from lab.provider import world
from lab.provider.base import CHECKOUT
from lab.provider.machines import Disk, Machine
from lab.provider.network import Image, Lab, Link, Site
from lab.provider.world import Address, World, ZoneDelegation
from lab.world.install import SPECIFICATION
from lab.world.spec import WorldSpec
from providerkit.kind import PartlyCreatedError, ProviderError, check, dump
from providerkit.values import Properties
from tests.infra.fakelab.computer import FakeComputer
from tests.infra.fakelab.setup import install

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[FakeComputer]:
    with pytest.MonkeyPatch.context() as patch:
        yield install(tmp_path, patch.setattr)


@pytest.fixture
def lab(computer: FakeComputer) -> str:
    kind = Lab()
    return str(kind.create(kind.inputs(environment="lab")).computed["lab"])


@pytest.fixture
def disk(lab: str) -> str:
    kind = Disk()
    inputs = kind.inputs(
        lab=lab, name="east-1", image="image-1", host_name="east-1.fleet.example", authorized_keys=(KEY,)
    )
    return kind.create(inputs).identity


def machine_inputs(lab: str, disk_id: str, **more: Any) -> Any:
    values = {"lab": lab, "name": "east-1", "disk": disk_id, "site": "east", "addresses": ("198.51.100.11",)}
    return Machine.inputs.model_validate({**values, **more})


def test_a_machine_reads_back_as_it_was_asked_for(lab: str, disk: str) -> None:
    kind = Machine()
    inputs = machine_inputs(lab, disk)
    made = kind.create(inputs)
    assert kind.read(made.identity, {}) == dump(inputs)


def test_a_dead_machine_reads_as_not_running_and_an_update_boots_its_disk(
    computer: FakeComputer, lab: str, disk: str
) -> None:
    kind = Machine()
    inputs = machine_inputs(lab, disk)
    made = kind.create(inputs)
    computer.kill("east-1")
    found = kind.read(made.identity, dump(inputs))
    assert found is not None
    assert found["running"] is False
    assert kind.changed(Properties(found), Properties(dump(inputs))) == {"running": False}
    kind.update(made.identity, inputs, found)
    assert kind.read(made.identity, found) == dump(inputs)


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({"disk": "lab-000000/disks/other"}, True),
        ({"site": "west"}, True),
        ({"addresses": ("198.51.100.12",)}, True),
        ({"running": False}, False),
    ],
)
def test_what_makes_a_new_machine(lab: str, disk: str, change: dict[str, Any], replaces: bool) -> None:
    before = Properties(dump(machine_inputs(lab, disk)))
    after = Properties(dump(machine_inputs(lab, disk, **change)))
    assert Machine().changed(before, after) == {next(iter(change)): replaces}


def test_a_machine_that_does_not_answer_is_recorded(
    lab: str, disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BootError("east-1 did not answer on port 22 within 60 s")

    monkeypatch.setattr("lab.provider.machines.machine.ensure", refuse)
    with pytest.raises(PartlyCreatedError, match="did not answer") as caught:
        Machine().create(machine_inputs(lab, disk))
    assert caught.value.identity == f"{lab}/machines/east-1"


def test_the_world_machine_gets_the_worlds_addresses_but_does_not_report_them(
    computer: FakeComputer, lab: str, disk: str
) -> None:
    kind = Machine()
    inputs = machine_inputs(lab, disk, purpose="world", addresses=())
    made = kind.create(inputs)
    held = json.loads(computer.path("machines", "east-1").read_text())
    assert held["addresses"][0] == "198.18.0.1"
    assert {bind["target"] for bind in held["binds"]} >= {"/opt/mtafleet/lab", "/var/lib/mtafleet-world"}
    assert kind.read(made.identity, {}) == dump(inputs)


def test_disks_are_never_changed_in_place() -> None:
    assert Disk.replaces == set(Disk.inputs.model_fields)


def test_a_link_changes_in_place_and_reads_the_same_whichever_end_is_first(lab: str) -> None:
    kind = Link()
    inputs = kind.inputs(lab=lab, site_a="west", site_b="east", delay_milliseconds=40)
    made = kind.create(inputs)
    assert made.identity.endswith("/links/east--west")
    assert kind.read(made.identity, dump(inputs)) == dump(inputs)
    slower = inputs.model_copy(update={"delay_milliseconds": 80.0})
    assert kind.changed(Properties(dump(inputs)), Properties(dump(slower))) == {"delay_milliseconds": False}
    kind.update(made.identity, slower, dump(inputs))
    assert kind.read(made.identity, dump(inputs)) == dump(slower)


def test_a_lab_is_found_again_and_leaves_nothing(computer: FakeComputer, lab: str, disk: str) -> None:
    kind = Lab()
    identity = f"{lab}/lab/lab"
    assert kind.read(identity, {}) == {"environment": "lab", "running": True, "lab": lab}
    computer.drop("outer", lab)  # as after a restart of the computer
    found = kind.read(identity, {})
    assert found is not None
    assert found["running"] is False
    kind.delete(identity, {})
    kind.delete(identity, {})
    assert kind.read(identity, {}) is None
    assert computer.names("disks") == []


def test_the_image_defaults_to_this_checkouts_recipe(computer: FakeComputer) -> None:
    inputs, problems = check(Image(), Properties())
    assert not problems
    assert inputs.values == {"recipe": "image-1"}


def test_ids_of_another_checkout_or_kind_are_refused(lab: str) -> None:
    with pytest.raises(ProviderError, match="another checkout"):
        Machine().read("lab-000000/machines/east-1", {})
    with pytest.raises(ProviderError, match="not an id of mtalab:index:Machine"):
        Machine().read(f"{lab}/disks/east-1", {})


@pytest.mark.parametrize(
    ("kind", "values", "bad"),
    [
        (Site(), {"name": "East", "network": "198.51.100.0/24"}, "name"),
        (Site(), {"name": "east", "network": "198.51.100.1/24"}, "network"),
        (Link(), {"site_a": "east", "site_b": "west", "loss_percent": 60}, "loss_percent"),
        (Link(), {"site_a": "east", "site_b": "east"}, ""),
        (Link(), {"site_a": "east", "site_b": "west", "jitter_milliseconds": 5}, ""),
        (Address(), {"machine": "east-1", "address": "198.51.100.300", "reverse_name": "a.bc"}, "address"),
        (Address(), {"machine": "east-1", "address": "198.51.100.3", "reverse_name": "a"}, "reverse_name"),
        (ZoneDelegation(), {"zone": "fleet.example", "name_servers": []}, "name_servers"),
        (Machine(), {"name": "east-1", "disk": "east-1", "site": "east"}, "disk"),
    ],
)
def test_bad_inputs_are_refused_by_name(kind: Any, values: dict[str, Any], bad: str) -> None:
    _, problems = check(kind, Properties({"lab": "lab-0a1b2c", **values}))
    assert [problem.property for problem in problems] == [bad]
    assert problems[0].reason


# --- the world


def add_address(lab: str, reverse_name: str = "a-1.east-1.fleet.example") -> Any:
    inputs = Address.inputs(
        lab=lab,
        machine="east-1",
        address="198.51.100.21",
        reverse_name=reverse_name,
        warm_since="2025-03-03",
    )
    return inputs, Address().create(inputs).identity


def add_world(lab: str) -> str:
    inputs = World.inputs(lab=lab, machine=f"{lab}/machines/x", ca_certificate="CERT", ca_key="KEY")
    return World().create(inputs).identity


def specification() -> WorldSpec:
    paths = LabPaths.of("lab", CHECKOUT)
    return WorldSpec.read(paths.shared / "world" / SPECIFICATION)


def test_notes_gather_until_there_is_a_world(lab: str) -> None:
    add_address(lab)
    delegation = ZoneDelegation.inputs(
        lab=lab,
        zone="fleet.example",
        name_servers=({"name": "ns-east.fleet.example", "address": "198.51.100.11"},),
    )
    ZoneDelegation().create(delegation)
    assert not (LabPaths.of("lab", CHECKOUT).shared / "world" / SPECIFICATION).exists()
    add_world(lab)
    spec = specification()
    assert [str(one) for one in spec.reverse_names.values()] == ["a-1.east-1.fleet.example"]
    assert [str(one) for one in spec.warm_since.values()] == ["2025-03-03"]
    assert spec.delegations[0].zone == "fleet.example"


def test_a_reverse_name_changes_in_place(lab: str) -> None:
    add_world(lab)
    inputs, identity = add_address(lab)
    renamed = inputs.model_copy(update={"reverse_name": "b-1.east-1.fleet.example"})
    assert Address().changed(Properties(dump(inputs)), Properties(dump(renamed))) == {"reverse_name": False}
    Address().update(identity, renamed, dump(inputs))
    assert list(specification().reverse_names.values()) == ["b-1.east-1.fleet.example"]
    assert Address().read(identity, dump(inputs)) == dump(renamed)


def test_an_address_that_is_taken_away_leaves_the_world(lab: str) -> None:
    add_world(lab)
    _, identity = add_address(lab)
    Address().delete(identity, {})
    Address().delete(identity, {})
    assert specification().reverse_names == {}
    assert Address().read(identity, {}) is None


def test_the_world_keeps_its_key_from_others(lab: str) -> None:
    identity = add_world(lab)
    key = LabPaths.of("lab", CHECKOUT).shared / "world" / "ca.key"
    assert key.stat().st_mode & 0o777 == 0o600
    found = World().read(identity, {})
    assert found is not None
    assert (found["ca_certificate"], found["ca_key"]) == ("CERT", "KEY")
    assert "ca_key" in World.secret


def test_a_world_that_refuses_says_why(lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ProviderError("the simulated internet refused its specification: knot is ill")

    monkeypatch.setattr(world, "_wait_until_applied", refuse)
    with pytest.raises(PartlyCreatedError, match="knot is ill") as caught:
        add_world(lab)
    assert caught.value.computed["acme_directory"].startswith("https://")
