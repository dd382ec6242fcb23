"""Bearer tokens of the HTTP API beside each failover daemon, one a role, and what nodes know of them.

They follow from one secret of the stack, on the operator's machine. A node has the SHA-256 of each: whoever
reads its files cannot use the API with them. Tokens hold 256 random bits, so that no slow hash is needed
against guessing.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum


class ApiRole(StrEnum):
    """What the holder of a token may do; an operator may do what a reader may."""

    READER = "reader"
    OPERATOR = "operator"


def token(secret: str, role: ApiRole) -> str:
    """The bearer token of `role`."""
    digest = hmac.digest(secret.encode(), f"mtafleet api, token of {role}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def token_hashes(secret: str) -> Mapping[str, str]:
    """SHA-256 of each role's token, hexadecimal."""
    return {str(role): hashlib.sha256(token(secret, role).encode()).hexdigest() for role in ApiRole}
