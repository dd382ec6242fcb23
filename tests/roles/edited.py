"""Node models with something changed."""

import dataclasses
from typing import Any

from fleet.inventory import NodeModel, Secrets


def with_secrets(node: NodeModel, **changes: Any) -> NodeModel:
    """The same node with other secrets, given as provisioning would give them."""
    plain: dict[str, Any] = {
        "dkim": {
            domain: {selector: pem.get_secret_value() for selector, pem in keys.items()}
            for domain, keys in node.secrets.dkim.items()
        },
        "tsig": node.secrets.tsig.model_dump() | {"secret": node.secrets.tsig.secret.get_secret_value()},
        "store": node.secrets.store.get_secret_value(),
        "api": node.secrets.api.get_secret_value() if node.secrets.api else None,
        "users": {user: one.get_secret_value() for user, one in node.secrets.users.items()},
        "ssh_private_key": node.secrets.ssh_private_key.get_secret_value(),
    }
    return dataclasses.replace(node, secrets=Secrets.model_validate({**plain, **changes}))
