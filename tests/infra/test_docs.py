"""docs/provisioning.md names every resource type and what replaces it."""

import re

import pytest

from fleet.paths import project_root
from infra.provider.kinds import KINDS as FLEET_KINDS
from lab.provider.kinds import KINDS as LAB_KINDS
from providerkit.resources import AnyKind

PAGE = (project_root() / "docs" / "provisioning.md").read_text()


@pytest.mark.parametrize("kind", [*FLEET_KINDS, *LAB_KINDS], ids=lambda kind: kind.resource_type)
def test_every_kind_is_described(kind: AnyKind) -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if line.startswith(f"| `{kind.resource_type}` |")]
    assert len(rows) == 1
    cell = rows[0][3]
    if kind.replaces == set(kind.inputs.model_fields) and "everything" in cell:
        return
    assert set(re.findall(r"`(\w+)`", cell)) == kind.replaces


@pytest.mark.parametrize("component", ["Region", "Node", "Pool", "Zone"])
def test_every_component_is_described(component: str) -> None:
    assert f"| `mtafleet:index:{component}` |" in PAGE


def test_every_component_of_a_fleet_on_aws_is_described() -> None:
    sources = (project_root() / "infra" / "substrates" / "aws").glob("*.py")
    tokens = {
        token for source in sources for token in re.findall(r'"(mtafleet:aws:\w+)"', source.read_text())
    }
    page = (project_root() / "docs" / "aws.md").read_text()
    assert len(tokens) >= 10
    assert not [token for token in tokens if f"`{token}`" not in page]
