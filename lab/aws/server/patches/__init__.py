"""What moto 5.2 lacks or does otherwise than AWS, as far as the fleet depends on it. Applied once."""

from functools import cache

from lab.aws.server.patches import addresses, budgets, dns, instances, policies


@cache
def mend() -> None:
    """Put the missing pieces into moto's classes."""
    addresses.mend()
    budgets.mend()
    dns.mend()
    instances.mend()
    policies.mend()
