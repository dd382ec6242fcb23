"""Settings that configuration puts into force, recorded in the stack so that previews show what changed."""

from collections.abc import Mapping
from typing import Any

from fleet.spec.models import Environment
from infra.resources import Settings


def record_settings(environment: Environment) -> None:
    """Limits and failover."""
    for scope, values in (("limits", environment.limits), ("failover", environment.failover)):
        Settings(scope, scope, values.model_dump(mode="json"))


def record_pools(environment: Environment) -> None:
    """Every pool's settings, where no component holds them."""
    for name in environment.pools:
        scope = f"pool.{name}"
        Settings(scope, scope, pool_settings(environment, name))


def pool_settings(environment: Environment, pool: str) -> Mapping[str, Any]:
    """What configuration of a pool follows from beside its addresses."""
    spec = environment.pools[pool]
    return {
        "submission": spec.submission,
        "users": {
            name: {"senders": sorted(user.senders)}
            for name, user in environment.users.items()
            if user.pool == pool
        },
        "domains": sorted(name for name, domain in environment.domains.items() if pool in domain.pools),
    }
