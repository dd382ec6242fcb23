"""The secrets a fleet is made with, as its stack exports them."""

from collections.abc import Mapping
from typing import Any

import pulumi

from fleet.spec.models import Environment
from infra.resources import PrivateKey, SharedSecret

TSIG_KEY_NAME = "mtafleet"
TSIG_ALGORITHM = "hmac-sha256"
TSIG_SECRET_BYTES = 32
STORE_SECRET_BYTES = 32
API_SECRET_BYTES = 32
PASSWORD_BYTES = 24

DkimKeys = Mapping[str, Mapping[str, pulumi.Output[str]]]
"""Private keys (PEM) by domain and selector."""


def stack_secrets(
    environment: Environment, ssh_key: PrivateKey, dkim: DkimKeys, *, protect: bool = False
) -> pulumi.Output[Any]:
    """The stack output `secrets`: makes the secrets of TSIG, shared store and API, and all passwords.

    `protect`: removing one needs a command of its own.
    """
    options = pulumi.ResourceOptions(protect=protect or None)
    tsig = SharedSecret("tsig", TSIG_SECRET_BYTES, "base64", options)
    store = SharedSecret("store", STORE_SECRET_BYTES, "base64", options)
    api = SharedSecret("api", API_SECRET_BYTES, "base64", options)
    users = {
        name: SharedSecret(f"user.{name}", PASSWORD_BYTES, "base64url", options) for name in environment.users
    }
    return pulumi.Output.secret(
        {
            "dkim": dkim,
            "tsig": {"name": TSIG_KEY_NAME, "algorithm": TSIG_ALGORITHM, "secret": tsig.value},
            "store": store.value,
            "api": api.value,
            "users": {name: password.value for name, password in users.items()},
            "ssh_private_key": ssh_key.private_key_pem,
        }
    )
