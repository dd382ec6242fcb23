"""Rules on pools, sending domains and users."""

from collections.abc import Iterator
from difflib import get_close_matches

from fleet.problems import KeyPath
from fleet.spec.finding import Finding
from fleet.spec.models import Environment

MOST_SPF_LOOKUPS = 10
"""RFC 7208, section 4.6.4: a receiver gives up with `permerror` after ten."""

INBOUND_INSTANCE = "inbound"


def pools_name_known_nodes(environment: Environment) -> Iterator[Finding]:
    nodes = [name for region in environment.regions.values() for name in region.nodes]
    for pool_name, pool in environment.pools.items():
        for node_name in pool.addresses:
            if node_name not in nodes:
                yield Finding(
                    ("pools", pool_name, "addresses", node_name),
                    f"there is no mail server called `{node_name}`",
                    _known(node_name, nodes),
                )


def pools_leave_the_inbound_instance_its_name(environment: Environment) -> Iterator[Finding]:
    """Each node has one mail server instance per pool, called like it, and one called `inbound`."""
    if INBOUND_INSTANCE in environment.pools:
        yield Finding(
            ("pools", INBOUND_INSTANCE),
            f"the name `{INBOUND_INSTANCE}` is taken: the instance for bounces and reports is called so",
            "Choose another name.",
        )


def pools_reach_every_region(environment: Environment) -> Iterator[Finding]:
    for pool_name, pool in environment.pools.items():
        for region_name, region in environment.regions.items():
            if not region.nodes.keys() & pool.addresses.keys():
                yield Finding(
                    ("pools", pool_name, "addresses"),
                    f"pool `{pool_name}` has no address in region `{region_name}`",
                    f"Give it one on {' or '.join(f'`{name}`' for name in region.nodes)}: "
                    "a pool must outlive any region.",
                )


def domains_name_known_pools(environment: Environment) -> Iterator[Finding]:
    known = list(environment.pools)
    for domain, sending in environment.domains.items():
        for position, pool in enumerate(sending.pools):
            path: KeyPath = ("domains", domain, "pools", position)
            if pool not in known:
                yield Finding(path, f"there is no pool called `{pool}`", _known(pool, known))
            elif pool in sending.pools[:position]:
                yield Finding(path, f"pool `{pool}` is named twice", "Name it once.")


def selectors_differ(environment: Environment) -> Iterator[Finding]:
    for domain, sending in environment.domains.items():
        if sending.dkim_selectors.active == sending.dkim_selectors.standby:
            yield Finding(
                ("domains", domain, "dkim_selectors", "standby"),
                f"both selectors are called `{sending.dkim_selectors.standby}`",
                "Use two names, like `s1` and `s2`: a key rotates by changing to the other name.",
            )


def spf_stays_within_lookups(environment: Environment) -> Iterator[Finding]:
    """The fleet's own addresses are published as `ip4:` and cost nothing; only includes count."""
    for domain, sending in environment.domains.items():
        lookups = sum(sending.spf_includes.values())
        if lookups > MOST_SPF_LOOKUPS:
            yield Finding(
                ("domains", domain, "spf_includes"),
                f"the SPF record of `{domain}` would cost {lookups} DNS look-ups; "
                f"receivers stop at {MOST_SPF_LOOKUPS}",
                "Drop includes that no longer send, or move a sender to a domain of its own.",
            )


def users_name_known_pools(environment: Environment) -> Iterator[Finding]:
    known = list(environment.pools)
    for user_name, user in environment.users.items():
        if user.pool not in known:
            yield Finding(
                ("users", user_name, "pool"),
                f"there is no pool called `{user.pool}`",
                _known(user.pool, known),
            )


def users_send_from_their_pools_domains(environment: Environment) -> Iterator[Finding]:
    for user_name, user in environment.users.items():
        if user.pool not in environment.pools:
            continue
        allowed = [name for name, sending in environment.domains.items() if user.pool in sending.pools]
        for position, sender in enumerate(user.senders):
            domain = sender.rpartition("@")[2]
            if domain in allowed:
                continue
            path: KeyPath = ("users", user_name, "senders", position)
            if domain in environment.domains:
                what = f"domain `{domain}` does not send by pool `{user.pool}`"
                remedy = f"Add `{user.pool}` to `domains.{domain}.pools`, or give the user another pool."
            else:
                what = f"`{domain}` is not a sending domain"
                remedy = _known(domain, allowed) + " New ones are added under `domains`."
            yield Finding(path, what, remedy)


def _known(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return "Known: " + ", ".join(f"`{one}`" for one in known) + "." if known else "None is known."


RULES = (
    pools_leave_the_inbound_instance_its_name,
    pools_name_known_nodes,
    pools_reach_every_region,
    domains_name_known_pools,
    selectors_differ,
    spf_stays_within_lookups,
    users_name_known_pools,
    users_send_from_their_pools_domains,
)
