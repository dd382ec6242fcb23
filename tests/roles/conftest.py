"""The lab's fleet, and every tree of the mail plane rendered once."""

from collections.abc import Callable

import pytest

from fleet.inventory import NodeModel
from fleet.paths import project_root
from fleet.render import RenderedTree, TreeRenderer
from tests.configure.conftest import fleet, nodes, outputs, secrets
from tests.roles.parsed import Instance

__all__ = ["fleet", "nodes", "outputs", "render", "secrets"]

Render = Callable[[str, NodeModel], RenderedTree]


@pytest.fixture(scope="session")
def render() -> Render:
    """Renders a role of this project for a node; a renderer each time, as one remembers nodes by name."""
    templates = project_root() / "templates"
    return lambda role, node: TreeRenderer(templates).render(role, node)


@pytest.fixture(scope="session")
def east(nodes: dict[str, NodeModel]) -> NodeModel:
    return nodes["east-1"]


@pytest.fixture(scope="session")
def instances(render: Render, east: NodeModel) -> dict[str, Instance]:
    """The outgoing Postfix instances of east-1 by pool."""
    tree = render("postfix", east)
    return {one.name: Instance.read(tree, f"/etc/postfix-{one.name}") for one in east.instances}


@pytest.fixture(scope="session")
def inbound(render: Render, east: NodeModel) -> Instance:
    return Instance.read(render("inbound", east), "/etc/postfix-inbound")
