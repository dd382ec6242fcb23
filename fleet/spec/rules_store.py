"""Rules on the nodes that keep the shared store."""

from collections.abc import Iterator

from fleet.spec.finding import Finding
from fleet.spec.models import Environment
from fleet.validation import suggestion

LEAST_NODES = 3
PATH = ("failover", "store_nodes")


def store_nodes_exist(environment: Environment) -> Iterator[Finding]:
    sites = _sites(environment)
    for position, name in enumerate(environment.failover.store_nodes):
        if name not in sites:
            yield Finding(
                (*PATH, position),
                f"no mail server and no witness is called `{name}`",
                suggestion(name, list(sites)),
            )


def store_nodes_are_in_sites_of_their_own(environment: Environment) -> Iterator[Finding]:
    sites = _sites(environment)
    first: dict[str, str] = {}
    for position, name in enumerate(environment.failover.store_nodes):
        site = sites.get(name)
        if site is None:
            continue
        if site in first:
            yield Finding(
                (*PATH, position),
                f"`{first[site]}` keeps the store in `{site}` already: both would be lost together",
                "Name one node a site.",
            )
        first.setdefault(site, name)


def store_nodes_are_odd(environment: Environment) -> Iterator[Finding]:
    named = environment.failover.store_nodes
    if not named or (len(named) >= LEAST_NODES and len(named) % 2):
        return
    what = f"{len(named)} nodes bear the loss of no more than {len(named) - 1} do"
    if len(named) < LEAST_NODES:
        what = "a store bears the loss of a node when three keep it, not before"
    yield Finding(PATH, what, "Name three, five or another odd number; the witness's node may be among them.")


def _sites(environment: Environment) -> dict[str, str]:
    """The site of every node that may keep the store."""
    found = {node: name for name, region in environment.regions.items() for node in region.nodes}
    return found | {environment.witness.node: environment.witness.site}


RULES = (store_nodes_exist, store_nodes_are_in_sites_of_their_own, store_nodes_are_odd)
