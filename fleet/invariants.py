"""What must hold of every fleet, whatever it is built on, as far as its environment file tells.

The same statements are held against resources by the policy pack in `policy/`, with every preview and `up`.
Some are rules of the specification as well; those that need the day, or what AWS allows, live here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from fleet.aws.machines import InstanceLimits, instance_types
from fleet.catalogue import Stage
from fleet.dns.spf import MOST_LOOKUPS
from fleet.problems import KeyPath
from fleet.spec import rules_addresses, rules_aws, rules_mail, rules_operation
from fleet.spec.aws import Aws
from fleet.spec.finding import Finding
from fleet.spec.models import Capacity, Environment
from fleet.transports import stage_of
from fleet.validation import suggestion

Judge = Callable[[Environment, date], Iterator[Finding]]

WORLD_OPEN_PORTS = frozenset({25, 53, 443, 465, 587})
"""SMTP, DNS, MTA-STS policies and the steering endpoint, submission: the only ports open to everyone."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement with the judge that finds what is against it."""

    name: str
    statement: str
    judge: Judge


def largest_region(environment: Environment, pool: str, as_of: date) -> tuple[str, int, int]:
    """The region whose loss costs `pool` most: its name, its share and the rest, in messages an hour."""
    each = capacity_by_region(environment, pool, as_of)
    name = max(each, key=lambda region: (each[region], region))
    return name, each[name], sum(each.values()) - each[name]


def capacity_by_region(environment: Environment, pool: str, as_of: date) -> Mapping[str, int]:
    """Messages an hour that the pool's addresses carry, by region, as warm as they are on that day."""
    spec = environment.pools[pool]
    each = messages_per_hour(environment.capacity, stage_of(spec.warm_since, as_of))
    return {
        name: each * sum(len(spec.addresses.get(node, ())) for node in region.nodes)
        for name, region in environment.regions.items()
    }


def messages_per_hour(capacity: Capacity, stage: Stage) -> int:
    """What one sending address of that standing carries."""
    return {
        Stage.FRESH: capacity.fresh_messages_per_hour,
        Stage.WARMING: capacity.warming_messages_per_hour,
        Stage.ESTABLISHED: capacity.established_messages_per_hour,
    }[stage]


def a_lost_region_leaves_enough(environment: Environment, as_of: date) -> Iterator[Finding]:
    for name, pool in environment.pools.items():
        if pool.peak_messages_per_hour is None:
            continue
        region, _lost, rest = largest_region(environment, name, as_of)
        if rest < pool.peak_messages_per_hour:
            stage = stage_of(pool.warm_since, as_of)
            yield Finding(
                ("pools", name, "peak_messages_per_hour"),
                f"when region `{region}` vanishes, the {stage} addresses of pool `{name}` left in the others "
                f"carry {rest} messages an hour, not {pool.peak_messages_per_hour}",
                f"Ask for at most {rest}, add addresses outside `{region}`, or wait until they are warmer.",
            )


def instance_types_are_known(environment: Environment, _as_of: date) -> Iterator[Finding]:
    for path, name in _types(environment.aws):
        if name not in instance_types():
            yield Finding(
                path,
                f"nothing is known about instance type `{name}`",
                suggestion(name, list(instance_types()))
                + " Further types can be added to fleet/aws/instance-types.yaml.",
            )


def addresses_fit_the_interface(environment: Environment, _as_of: date) -> Iterator[Finding]:
    limits = _limits(environment.aws)
    if environment.aws is None or limits is None:
        return
    most = limits.addresses_per_interface - 1
    for region_name, region in environment.regions.items():
        for node in region.nodes:
            count = sum(len(pool.addresses.get(node, ())) for pool in environment.pools.values())
            if count > most:
                yield Finding(
                    ("regions", region_name, "nodes", node),
                    f"`{node}` has {count} sending addresses; the interface of a "
                    f"{environment.aws.instance_type} bears {most} beside the node's own",
                    "Choose a larger `aws.instance_type`, or give some of its addresses to another node.",
                )


def quotas_suffice(environment: Environment, _as_of: date) -> Iterator[Finding]:
    if environment.aws is None:
        return
    quotas = environment.aws.quotas
    limits = _limits(environment.aws)
    for name, region in environment.regions.items():
        own = region.nodes.keys()
        sending = sum(
            len(addresses)
            for pool in environment.pools.values()
            for node, addresses in pool.addresses.items()
            if node in own
        )
        yield from _quota("elastic_ips", len(own) + sending, quotas.elastic_ips, f"Elastic IPs in `{name}`")
        if limits is not None:
            vcpus = len(own) * limits.vcpus
            yield from _quota("vcpus", vcpus, quotas.vcpus, f"vCPUs in `{name}`")
    yield from _quota("health_checks", health_checks(environment), quotas.health_checks, "health checks")


def health_checks(environment: Environment) -> int:
    """How many Route 53 health checks the fleet has: a node's own port, views, their count, and the whole."""
    if environment.aws is None or environment.failover.route53_writer:
        return 0
    nodes = sum(len(region.nodes) for region in environment.regions.values())
    return nodes * (environment.aws.checks.views + 3)


def _quota(key: str, needed: int, granted: int, noun: str) -> Iterator[Finding]:
    if needed > granted:
        yield Finding(
            ("aws", "quotas", key),
            f"the fleet needs {needed} {noun}; AWS has granted {granted}",
            "Ask AWS for more under Service Quotas, then write the granted figure here.",
        )


def _limits(aws: Aws | None) -> InstanceLimits | None:
    return instance_types().get(aws.instance_type) if aws else None


def _types(aws: Aws | None) -> Iterator[tuple[KeyPath, str]]:
    if aws is not None:
        yield ("aws", "instance_type"), aws.instance_type
        yield ("aws", "witness_instance_type"), aws.witness_instance_type


def _always(rule: Callable[[Environment], Iterator[Finding]]) -> Judge:
    def judge(environment: Environment, _as_of: date) -> Iterator[Finding]:
        yield from rule(environment)

    return judge


INVARIANTS = (
    Invariant(
        "regions",
        "A fleet has at least two regions.",
        _always(rules_operation.two_regions_at_least),
    ),
    Invariant(
        "region-separation",
        "No two sites share a region of AWS.",
        _always(rules_aws.each_site_has_an_aws_region_of_its_own),
    ),
    Invariant(
        "capacity",
        "When its largest region is lost, a pool's other addresses, as warm as they are, carry its peak.",
        a_lost_region_leaves_enough,
    ),
    Invariant("pools", "No address serves two pools.", _always(rules_addresses.addresses_are_unique)),
    Invariant(
        "spf",
        f"An SPF record costs a receiver at most {MOST_LOOKUPS} DNS look-ups.",
        _always(rules_mail.spf_stays_within_lookups),
    ),
    Invariant(
        "admin-ports",
        "No administrative port is open to the world.",
        _always(rules_aws.operator_networks_are_not_the_world),
    ),
    Invariant("instance-types", "Every instance type's limits are known.", instance_types_are_known),
    Invariant(
        "interfaces",
        "A node's interface bears all its addresses.",
        addresses_fit_the_interface,
    ),
    Invariant("quotas", "AWS has granted what the fleet needs.", quotas_suffice),
)


def violations(environment: Environment, as_of: date) -> Iterator[Finding]:
    """Everything in the file that is against an invariant on the day `as_of`."""
    for invariant in INVARIANTS:
        yield from invariant.judge(environment, as_of)
