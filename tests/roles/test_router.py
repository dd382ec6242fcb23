"""Router and front on a node: who may ask, and what they may touch."""

import re

import pytest

from fleet.inventory import NodeModel
from tests.roles.conftest import Render

UNITS = "/etc/systemd/system"


@pytest.fixture
def units(east: NodeModel, render: Render) -> dict[str, str]:
    contents = render("router", east).contents
    return {
        path.rpartition("/")[2]: content.decode()
        for path, content in contents.items()
        if path.startswith(f"{UNITS}/mtafleet-")
    }


def test_postfix_alone_may_ask(units: dict[str, str]) -> None:
    told = units["mtafleet-front.socket"]
    assert "ListenStream=/run/mtafleet-front/map.sock\n" in told
    assert re.search(r"SocketGroup=postfix\nSocketMode=0660\n", told)


@pytest.mark.parametrize("name", ["mtafleet-router.service", "mtafleet-front.service"])
def test_daemons_are_confined_and_come_back(units: dict[str, str], name: str) -> None:
    unit = units[name]
    for line in (
        "User=mtafleet-router",
        "Restart=always",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=~@privileged @resources",
    ):
        assert f"\n{line}\n" in unit


def test_the_front_goes_on_without_the_router(units: dict[str, str]) -> None:
    """A router that fails or restarts must take nobody with it."""
    assert "mtafleet-router.service" not in units["mtafleet-front.service"]
