"""Specs and states go to JSON and back unharmed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.specs import Bind, DiskSpec, LinkSpec, MachineSpec, MachineState, from_json, link_name, to_json

_names = st.text("abcdefgh-1", min_size=1)
_binds = st.builds(Bind, source=_names, target=_names, read_only=st.booleans())
_machines = st.builds(
    MachineSpec,
    name=_names,
    disk=_names,
    site=_names,
    addresses=st.lists(_names).map(tuple),
    binds=st.lists(_binds).map(tuple),
)


@given(_machines)
def test_a_spec_survives_json(spec: MachineSpec) -> None:
    assert from_json(MachineSpec, json.loads(json.dumps(to_json(spec)))) == spec


def test_absent_fields_take_their_defaults() -> None:
    data = {
        "name": "a",
        "image": "i",
        "host_name": "a.example",
        "authorized_keys": [],
        "resolver": "192.0.2.1",
    }
    assert from_json(DiskSpec, data).hosts == ()


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        from_json(LinkSpec, {"site_a": "a", "site_b": "b", "colour": "red"})


def test_an_optional_field_may_be_null() -> None:
    data = {"name": "a", "disk": "a", "site": "s", "addresses": ["192.0.2.1"], "running": False, "boot": None}
    assert from_json(MachineState, data).boot is None


@given(_names, _names)
def test_a_link_has_one_name_whichever_end_comes_first(site_a: str, site_b: str) -> None:
    assert link_name(site_a, site_b) == link_name(site_b, site_a)
