"""Canaries: small messages by which each node finds out whether mail gets through its instances.

A node submits one to a front door of its own, as a user of the fleet's own, to an address of its own below a
return-path domain. The instance that takes it signs it, queues it and delivers it to that node's inbound
instance, which gives it to the node's failover daemon. No such address is known to the internet: inbound
instances take canaries from machines of the fleet only. The user may write to no other address.

Whoever counts mail tells canaries by their Message-ID, which begins with `<canary.`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from fleet.certificates import CHAIN_FILE
from fleet.topology import Fleet, FleetNode

USER = "0-canary"
"""Begins with a digit, as no user in an environment can."""
LOCAL_PART = "canary"
ARRIVAL_PORT = 10_024
"""Where a daemon takes canaries from its node's inbound instance: LMTP on the loopback interface."""
PASSWORD_FILE = "/etc/mtafleet/failover/canary.key"  # noqa: S105  a path


def canary_password(shared_secret: str) -> str:
    """The password of `USER` in every pool, derived from the fleet's TSIG secret; there is no way back."""
    return hmac.digest(shared_secret.encode(), b"mtafleet canary", hashlib.sha256).hex()


def is_sent(fleet: Fleet) -> bool:
    return fleet.environment.failover.canary_interval_seconds > 0


def domain_of(fleet: Fleet, pool: str) -> str | None:
    """The domain that canaries of `pool` are from; None when none sends by it."""
    return next((name for name, one in fleet.environment.domains.items() if pool in one.pools), None)


def senders(fleet: Fleet, pool: str) -> tuple[str, ...]:
    """What `USER` may send as in `pool`."""
    domain = domain_of(fleet, pool) if is_sent(fleet) else None
    return (f"{LOCAL_PART}@{domain}",) if domain else ()


def recipients(fleet: Fleet) -> Mapping[str, FleetNode]:
    """Every address of a canary, and the node whose daemon waits for it there."""
    if not is_sent(fleet):
        return {}
    domains = {domain for one in fleet.pools if (domain := domain_of(fleet, one.pool))}
    return {recipient(fleet, node, domain): node for domain in sorted(domains) for node in fleet.mta_nodes}


def recipient(fleet: Fleet, node: FleetNode, domain: str) -> str:
    return f"{LOCAL_PART}+{node.name}@{fleet.environment.domains[domain].return_path}.{domain}"


def canary_settings(fleet: Fleet, node: FleetNode) -> dict[str, Any] | None:
    """As `failover/checks/canary_settings.py` reads it; None when this node sends none."""
    policy = fleet.environment.failover
    if node.role != "mta" or not is_sent(fleet):
        return None
    pools = {
        one.pool: {
            "address": str(entry),
            "name": one.submission_name,
            "instance_port": one.smtps_port,
            "sender": f"{LOCAL_PART}@{domain}",
            "recipient": recipient(fleet, node, domain),
        }
        for one in fleet.pools
        if (entry := node.entry_address(one.pool)) and (domain := domain_of(fleet, one.pool))
    }
    return {
        "user": USER,
        "password_file": PASSWORD_FILE,
        "chain_file": CHAIN_FILE,
        "arrival_port": ARRIVAL_PORT,
        "host_name": node.fqdn,
        "interval_seconds": policy.canary_interval_seconds,
        "limit_seconds": policy.canary_limit_seconds,
        "pools": pools,
    }
