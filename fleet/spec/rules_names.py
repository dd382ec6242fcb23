"""Rules on names: nodes, sites, zones, submission names."""

from collections import Counter
from collections.abc import Iterator

from fleet.problems import KeyPath, dotted
from fleet.spec.finding import Finding
from fleet.spec.models import Environment
from fleet.topology import STS_LABEL

ACME_LABEL = "acme"
LONGEST_NAME = 253
LAB_NAMES = frozenset({"operator", "internet", "internet-1", "router", "localhost"})
"""Sites and machines every lab has beside those in the file."""


def is_below(name: str, zone: str) -> bool:
    return name.endswith(f".{zone}")


def overlap(one: str, other: str) -> bool:
    """Whether two zones are the same or one contains the other."""
    return one == other or is_below(one, other) or is_below(other, one)


def machines(environment: Environment) -> Iterator[tuple[KeyPath, str]]:
    """Every machine's name with its key."""
    for region_name, region in environment.regions.items():
        for node_name in region.nodes:
            yield ("regions", region_name, "nodes", node_name), node_name
    yield ("witness", "node"), environment.witness.node
    if environment.lab is not None:
        yield ("lab", "application", "node"), environment.lab.application.node


def sites(environment: Environment) -> Iterator[tuple[KeyPath, str]]:
    """Every site's name with its key."""
    for region_name in environment.regions:
        yield ("regions", region_name), region_name
    yield ("witness", "site"), environment.witness.site
    if environment.lab is not None:
        yield ("lab", "application", "site"), environment.lab.application.site


def machine_names_are_unique(environment: Environment) -> Iterator[Finding]:
    yield from _unique(machines(environment), "machine")


def site_names_are_unique(environment: Environment) -> Iterator[Finding]:
    yield from _unique(sites(environment), "site")


def names_are_free(environment: Environment) -> Iterator[Finding]:
    """A machine bears a name in the operator's zone, where others are derived from the file."""
    taken = dict.fromkeys(LAB_NAMES, "every lab has one")
    taken[ACME_LABEL] = "it is the zone for certificate challenges"
    taken[environment.operator.steered_zone.split(".")[0]] = "it is the steered zone"
    for path, name in (*machines(environment), *sites(environment)):
        if name in taken:
            yield Finding(path, f"the name `{name}` is taken: {taken[name]}", "Choose another name.")
    for path, name in machines(environment):
        for prefix, use in (("ns-", "name servers"), ("mx-", "mail exchangers")):
            if name.startswith(prefix):
                yield Finding(
                    path,
                    f"`{name}` begins like the derived names of {use}",
                    f"Choose a name that does not begin with `{prefix}`.",
                )


def steered_zone_is_below_the_operators(environment: Environment) -> Iterator[Finding]:
    operator = environment.operator
    label, _, parent = operator.steered_zone.partition(".")
    if parent != operator.domain:
        yield Finding(
            ("operator", "steered_zone"),
            f"`{operator.steered_zone}` does not lie directly below the operator's domain",
            f"Write one label and the domain, like `submit.{operator.domain}`.",
        )
    elif label == ACME_LABEL:
        yield Finding(
            ("operator", "steered_zone"),
            f"`{operator.steered_zone}` is the zone for certificate challenges",
            f"Choose another label, like `submit.{operator.domain}`.",
        )


def submission_names_are_steered(environment: Environment) -> Iterator[Finding]:
    zone = environment.operator.steered_zone
    for name, pool in environment.pools.items():
        path: KeyPath = ("pools", name, "submission")
        label, _, parent = pool.submission.partition(".")
        if parent != zone:
            yield Finding(
                path,
                f"`{pool.submission}` does not lie directly below the steered zone `{zone}`",
                f"Write `{name}.{zone}`: only there can failover change the answer.",
            )
        elif label == STS_LABEL:
            yield Finding(
                path,
                f"`{pool.submission}` is the name MTA-STS policies are served under",
                f"Choose another label, like `{name}.{zone}`.",
            )


def submission_names_are_unique(environment: Environment) -> Iterator[Finding]:
    named = ((("pools", name, "submission"), pool.submission) for name, pool in environment.pools.items())
    yield from _unique(named, "submission")


def regions_have_name_servers(environment: Environment) -> Iterator[Finding]:
    for name, region in environment.regions.items():
        if not any(node.name_server for node in region.nodes.values()):
            first = next(iter(region.nodes))
            yield Finding(
                ("regions", name, "nodes"),
                f"region `{name}` has no name server",
                f"Set `name_server: true` on one of its nodes, like `{first}`: DNS must outlive any region.",
            )


def domains_are_separate_zones(environment: Environment) -> Iterator[Finding]:
    operator = environment.operator.domain
    seen: list[str] = []
    for domain in environment.domains:
        if overlap(domain, operator):
            yield Finding(
                ("domains", domain),
                f"`{domain}` and the operator's domain `{operator}` lie within each other",
                "Keep the fleet's own names in a zone no mail is sent from.",
            )
        for other in seen:
            if overlap(domain, other):
                yield Finding(
                    ("domains", domain),
                    f"`{domain}` and `{other}` lie within each other",
                    "Name only one of them.",
                )
        seen.append(domain)


def derived_names_fit(environment: Environment) -> Iterator[Finding]:
    """The longest derived name is where a policy host's certificate challenge is answered."""
    for domain, sending in environment.domains.items():
        longest = f"mta-sts.{sending.return_path}.{domain}.{ACME_LABEL}.{environment.operator.domain}"
        if len(longest) > LONGEST_NAME:
            yield Finding(
                ("domains", domain),
                f"`{longest}` would have {len(longest)} characters; DNS allows {LONGEST_NAME}",
                "Use a shorter sending domain, return path or operator's domain.",
            )


def _unique(named: Iterator[tuple[KeyPath, str]], noun: str) -> Iterator[Finding]:
    everything = list(named)
    counts = Counter(name for _path, name in everything)
    first: dict[str, KeyPath] = {}
    for path, name in everything:
        if counts[name] > 1 and name in first:
            yield Finding(
                path,
                f"the {noun} name `{name}` is already used by `{dotted(first[name])}`",
                "Choose another name: each is unique in the whole fleet.",
            )
        first.setdefault(name, path)


RULES = (
    machine_names_are_unique,
    site_names_are_unique,
    names_are_free,
    steered_zone_is_below_the_operators,
    submission_names_are_steered,
    submission_names_are_unique,
    regions_have_name_servers,
    domains_are_separate_zones,
    derived_names_fit,
)
