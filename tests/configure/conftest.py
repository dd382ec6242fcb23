"""A fleet to configure: the lab's environment file with made-up outputs and secrets."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.api_tokens import ApiRole, token
from fleet.inventory import NodeModel, Outputs, Secrets, node_models
from fleet.spec.models import Environment
from fleet.topology import Fleet

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return Fleet.of(
        Environment.model_validate(yaml.safe_load((PROJECT / "environments/lab.yaml").read_text()))
    )


@pytest.fixture(scope="session")
def outputs(fleet: Fleet) -> Outputs:
    return Outputs.model_validate(raw_outputs(fleet))


def raw_outputs(fleet: Fleet) -> dict[str, Any]:
    nodes = {
        one.name: {
            "role": one.role,
            "site": one.site,
            "address": str(one.address),
            "ssh_host": str(one.address),
            "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN0YW5kLWluIGhvc3Qga2V5",
        }
        for one in fleet.nodes
    }
    return {
        "nodes": nodes,
        "acme": {
            "directory": "https://acme.pki.example:14000/dir",
            "ca_certificate": "-----BEGIN CERTIFICATE-----\n",
        },
        "resolver": {"root_hints": [{"name": "a.root.example", "address": "198.18.0.1"}]},
    }


@pytest.fixture(scope="session")
def secrets(fleet: Fleet) -> Secrets:
    domains = fleet.environment.domains.items()
    return Secrets.model_validate(
        {
            "dkim": {
                name: {one: private_key() for one in (d.dkim_selectors.active, d.dkim_selectors.standby)}
                for name, d in domains
            },
            "tsig": {
                "name": "mtafleet",
                "algorithm": "hmac-sha256",
                "secret": "dHNpZy1zZWNyZXQtZm9yLXRlc3Rz",
            },
            "store": "store-secret-for-tests",
            "api": "api-secret-for-tests",
            "users": {user: f"password-of-{user}" for user in fleet.environment.users},
            "ssh_private_key": "ssh-private-key-for-tests",
        }
    )


def private_key() -> str:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


@pytest.fixture(scope="session")
def fleet_secrets(secrets: Secrets) -> list[str]:
    """Every secret of the fleet, as it would show in a file."""
    keys = [key.get_secret_value() for domain in secrets.dkim.values() for key in domain.values()]
    return [
        *(key.splitlines()[1] for key in keys),
        *(password.get_secret_value() for password in secrets.users.values()),
        secrets.tsig.secret.get_secret_value(),
        secrets.store.get_secret_value(),
        *_of_api(secrets),
        secrets.ssh_private_key.get_secret_value(),
    ]


def _of_api(secrets: Secrets) -> list[str]:
    """The secret itself, and the tokens that follow from it."""
    assert secrets.api is not None
    plain = secrets.api.get_secret_value()
    return [plain, *(token(plain, role) for role in ApiRole)]


@pytest.fixture(scope="session")
def nodes(fleet: Fleet, outputs: Outputs, secrets: Secrets) -> dict[str, NodeModel]:
    return node_models(fleet, outputs, secrets)
