import json
from typing import Any

import pytest

from infra.outputs import OutputsError, parse_outputs

DOCUMENT: dict[str, Any] = {
    "fleet": {
        "nodes": {
            "east-1": {
                "role": "mta",
                "site": "east",
                "address": "198.51.100.11",
                "ssh_host": "198.51.100.11",
                "ssh_port": 22,
                "ssh_user": "root",
                "host_key": "ssh-ed25519 AAAA",
            }
        },
        "access": {"kind": "lab", "lab_id": "lab-0a1b2c"},
        "acme": {"directory": "https://acme.pki.example:14000/dir", "ca_certificate": "CERT"},
        "resolver": {"root_hints": [{"name": "a.root", "address": "198.18.0.1"}], "trust_anchor": None},
        "addresses": {},
    },
    "secrets": {
        "dkim": {"shop.example": {"s1": "dkim-pem"}},
        "tsig": {"name": "mtafleet", "algorithm": "hmac-sha256", "secret": "tsig-secret"},
        "store": "store-secret",
        "users": {"shop-app": "hunter2"},
        "ssh_private_key": "ssh-pem",
    },
}


def test_outputs_are_typed() -> None:
    outputs = parse_outputs("lab", json.dumps(DOCUMENT))
    assert outputs.fleet.nodes["east-1"].role == "mta"
    assert outputs.secrets.users["shop-app"].get_secret_value() == "hunter2"


def test_no_representation_shows_a_secret() -> None:
    outputs = parse_outputs("lab", json.dumps(DOCUMENT))
    shown = f"{outputs!r} {outputs} {outputs.secrets!r} {outputs.secrets}"
    assert not any(secret in shown for secret in ("hunter2", "dkim-pem", "tsig-secret", "ssh-pem"))


def test_a_stack_without_outputs_says_what_to_do() -> None:
    with pytest.raises(OutputsError, match="mtafleet up lab"):
        parse_outputs("lab", "{}")


def test_outputs_of_another_version_are_named_without_their_values() -> None:
    document = {**DOCUMENT, "secrets": {**DOCUMENT["secrets"], "users": {"shop-app": ["hunter2"]}}}
    with pytest.raises(OutputsError) as caught:
        parse_outputs("lab", json.dumps(document))
    assert "users.shop-app" in str(caught.value)
    assert "hunter2" not in str(caught.value)
