"""MTA-STS (RFC 8461): the policy that tells senders to insist on TLS."""

from hashlib import sha256

from fleet.topology import Fleet

MAX_AGE_SECONDS = {"testing": 86_400, "enforce": 604_800}
"""Short while testing, so that a mistake is soon forgotten."""


def policy_host(domain: str) -> str:
    """The host that serves the policy of mail domain `domain`."""
    return f"mta-sts.{domain}"


def policy_text(fleet: Fleet, mode: str) -> str:
    """The policy as served at `/.well-known/mta-sts.txt`; `mode` is `testing` or `enforce`."""
    exchangers = [f"mx: {fleet.mx_name(node)}" for node in fleet.mta_nodes]
    lines = ["version: STSv1", f"mode: {mode}", *exchangers, f"max_age: {MAX_AGE_SECONDS[mode]}"]
    return "".join(f"{line}\r\n" for line in lines)


def policy_id(text: str) -> str:
    """The `id` of the TXT record: changes exactly when the policy does."""
    return sha256(text.encode()).hexdigest()[:20]
