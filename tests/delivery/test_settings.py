"""What provisioning writes is what the router reads."""

import json
from datetime import date
from pathlib import Path

import pytest

from delivery.router.errors import SettingsError
from delivery.router.settings import load_settings, parse_settings
from fleet.catalogue import Catalogue
from fleet.routing import router_settings
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from fleet.transports import instance_transports
from tests.delivery.router_settings import settings_document

TODAY = date(2026, 11, 23)
CATALOGUE = Catalogue.load()
LAB = Fleet.of(load_environment("lab"))


@pytest.mark.parametrize("node", [one.name for one in LAB.mta_nodes])
def test_every_path_has_its_static_share_first(node: str) -> None:
    settings = parse_settings(json.loads(json.dumps(router_settings(LAB, CATALOGUE, node, TODAY))))
    static = instance_transports(LAB, CATALOGUE, TODAY)
    for pool, by_isp in settings.routes.items():
        assert by_isp.keys() == CATALOGUE.isps.keys()
        for isp, routes in by_isp.items():
            wanted = [(str(one.bind_address), one.name) for one in static[node, pool].by_isp[isp]]
            assert [(one.path.address, one.steps[0].transport) for one in routes] == wanted
    assert settings.domains["gmail.com"] == "google"
    assert settings.suffixes["google.com"] == "google"
    assert settings.fixed["bounce.shop.example"].startswith("relay:[")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"default_isp": "default", "routes": {"a": {}}}'])
def test_malformed_settings_are_one_clear_message(tmp_path: Path, content: str) -> None:
    file = tmp_path / "router.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"router\.json: .*mtafleet configure"):
        load_settings(file)


def test_a_transport_belongs_to_one_path(tmp_path: Path) -> None:
    document = settings_document(tmp_path)
    document["routes"]["transactional"]["yahoo"] = document["routes"]["transactional"]["google"]
    with pytest.raises(ValueError, match="more than one transport called transactional-1-google"):
        parse_settings(document)


def test_missing_settings_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "router.json")
