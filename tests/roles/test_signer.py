"""The signer: which keys are where, who may send as whom, and what a return path is."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.inventory import InventoryError, NodeModel
from fleet.return_path import return_path_key, token_time
from tests.roles.conftest import Render
from tests.roles.edited import with_secrets

KEY = return_path_key("dHNpZy1zZWNyZXQtZm9yLXRlc3Rz")


def token(stem: str, key: str = KEY) -> str:
    """As the signer's script makes it."""
    return stem + hashlib.blake2b(stem.encode(), key=key.encode()).hexdigest()[:14]


def test_only_active_keys_are_on_the_node_and_only_the_signer_reads_them(
    render: Render, east: NodeModel
) -> None:
    entries = [one for one in render("signer", east).entries if one["path"].endswith(".pem")]
    assert {one["path"] for one in entries} == {
        "/etc/mtafleet/signer/keys/news.example.s1.pem",
        "/etc/mtafleet/signer/keys/shop.example.s1.pem",
    }
    assert {(one["mode"], one["owner"]) for one in entries} == {("0600", "_rspamd")}


def test_the_tables_name_users_keys_and_return_paths(render: Render, east: NodeModel) -> None:
    tree = render("signer", east)
    tables = tree.contents["/etc/mtafleet/signer/tables.lua"].decode()
    assert '["newsletter"] = {["@news.example"] = true}' in tables
    assert '["return_path"] = "bounce.shop.example"' in tables
    assert f'["return_path_key"] = "{KEY}"' in tables
    entry = next(one for one in tree.entries if one["path"].endswith("tables.lua"))
    assert (entry["mode"], entry["owner"]) == ("0600", "_rspamd")


def test_rotation_changes_the_selector_that_signs(render: Render, east: NodeModel) -> None:
    domains = dict(east.environment.domains)
    swapped = {"dkim_selectors": {"active": "s2", "standby": "s1"}}
    domains["shop.example"] = type(domains["shop.example"]).model_validate(
        domains["shop.example"].model_dump() | swapped
    )
    environment = east.environment.model_copy(update={"domains": domains})
    fleet = type(east.fleet).of(environment)
    node = type(east)(fleet.node(east.name), fleet, east.outputs, east.secrets)
    assert "/etc/mtafleet/signer/keys/shop.example.s2.pem" in render("signer", node).contents
    assert "/etc/mtafleet/signer/keys/shop.example.s1.pem" not in render("signer", node).contents


def test_a_missing_key_is_said_plainly(render: Render, east: NodeModel) -> None:
    with pytest.raises(InventoryError, match=r"selector s1 of shop\.example"):
        render("signer", with_secrets(east, dkim={}))


def test_the_signer_listens_on_a_local_socket_alone(render: Render, east: NodeModel) -> None:
    text = render("signer", east).contents["/etc/mtafleet/signer/rspamd.conf"].decode()
    assert [line.split('"')[1].split()[0] for line in text.splitlines() if "bind_socket" in line] == [
        "/run/rspamd/milter.sock"
    ]
    assert text.count("\nworker ") == 1
    assert 'filters = "dkim"' in text


def test_a_token_made_by_the_signer_on_a_node_is_known() -> None:
    """Taken from rspamd's own hand."""
    assert token_time("6b03ccfa7fdfcefe965b7a13bb6510", KEY) == datetime(2026, 11, 23, 5, 19, 54, tzinfo=UTC)


@given(stem=st.from_regex(r"[0-9a-f]{16}", fullmatch=True))
def test_our_tokens_are_known_and_nobody_elses(stem: str) -> None:
    assert token_time(token(stem), KEY) == datetime.fromtimestamp(int(stem[:8], 16), UTC)
    assert token_time(token(stem, key="another key"), KEY) is None


@given(text=st.text(max_size=40))
def test_anything_may_stand_where_a_token_is_expected(text: str) -> None:
    assert token_time(text, KEY) is None


def test_the_key_is_derived_and_not_the_shared_secret_itself() -> None:
    assert len(KEY) == 32
    assert return_path_key("YW5vdGhlciBzZWNyZXQ=") != KEY
