"""Who a request comes from: the role whose token it bears. Pure."""

import hashlib
import hmac
from collections.abc import Mapping

from fleet.api_tokens import ApiRole

_MAY = {
    ApiRole.READER: frozenset({ApiRole.READER}),
    ApiRole.OPERATOR: frozenset({ApiRole.READER, ApiRole.OPERATOR}),
}


def role_of(authorization: str, hashes: Mapping[ApiRole, str]) -> ApiRole | None:
    """The role of the token in a header `Authorization: Bearer TOKEN`; None when it is nobody's.

    Takes as long for every token: hashes are compared in constant time, and with all roles each time.
    """
    scheme, _, token = authorization.partition(" ")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
    found = None
    for role, known in hashes.items():
        if hmac.compare_digest(digest, known):
            found = role
    return found if scheme.lower() == "bearer" else None


def may(role: ApiRole, needed: ApiRole) -> bool:
    """Whether `role` may do what `needed` may."""
    return needed in _MAY[role]
