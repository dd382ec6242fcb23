"""Judges of a whole stack against its environment file. Each yields what is wrong and what to change."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date

from fleet.dns import DnsError
from fleet.dns.hosted import hosted_zones
from fleet.dns.spf import MOST_LOOKUPS, lookup_terms
from fleet.invariants import a_lost_region_leaves_enough
from fleet.problems import dotted
from fleet.spec.models import Environment
from fleet.topology import Fleet, SendingAddress
from policy.seen import Seen

EIP = "aws:ec2/eip:Eip"
RECORD = "aws:route53/record:Record"
REVERSE = "aws:ec2/eipDomainName:EipDomainName"
BOUND = "aws:ec2/eipAssociation:EipAssociation"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"

Whole = Callable[[Sequence[Seen], Environment, date], Iterator[str]]


def names_agree(stack: Sequence[Seen], environment: Environment, _as_of: date) -> Iterator[str]:
    """PTR = HELO = A, told by what records are made of: addresses may still be unknown."""
    addresses = {one.name for one in stack if one.type == EIP}
    if not addresses:
        return  # the fleet's stack: names belong to its foundation
    forward = {
        str(one.known("name")): one for one in stack if one.type == RECORD and one.known("type") == "A"
    }
    reverse = {one.made_of["allocationId"][0]: one for one in stack if _reverses_one(one)}
    for sending in Fleet.of(environment).sending_addresses:
        private = str(sending.address)
        if private not in addresses:
            yield f"{_place(sending)}: there is no Elastic IP for {private}. Leave no part of the stack out."
            continue
        yield from _forward_agrees(sending, forward.get(sending.name))
        if reverse:
            yield from _reverse_agrees(sending, reverse.get((EIP, private)))


def _reverses_one(one: Seen) -> bool:
    return one.type == REVERSE and len(one.made_of.get("allocationId", ())) == 1


def _forward_agrees(sending: SendingAddress, record: Seen | None) -> Iterator[str]:
    wanted = [(EIP, str(sending.address))]
    if record is None:
        yield f"{_place(sending)}: its HELO name `{sending.name}` has no A record."
    elif list(record.made_of.get("records", ())) != wanted:
        yield f"{_place(sending)}: the A record of its HELO name `{sending.name}` shows another address."


def _reverse_agrees(sending: SendingAddress, reverse: Seen | None) -> Iterator[str]:
    found = reverse.known("domainName") if reverse else None
    if found != sending.name:
        yield (
            f"{_place(sending)}: its reverse name is {f'`{found}`' if found else 'missing'}, "
            f"not its HELO name `{sending.name}`."
        )


def pools_are_apart(stack: Sequence[Seen], environment: Environment, _as_of: date) -> Iterator[str]:
    """No Elastic IP stands behind names of two pools."""
    pool_of = {sending.name: sending.pool for sending in Fleet.of(environment).sending_addresses}
    users: dict[tuple[str, str], set[str]] = {}
    for one in stack:
        pool = pool_of.get(str(one.known("name"))) if one.type == RECORD else None
        if pool is not None and one.known("type") == "A":
            for made_of in one.made_of.get("records", ()):
                users.setdefault(made_of, set()).add(pool)
    for (_type, address), pools in sorted(users.items()):
        if len(pools) > 1:
            both = " and ".join(f"`{pool}`" for pool in sorted(pools))
            yield f"{address} sends for {both}: give each of `pools` addresses of its own."


def spf_stays_answerable(stack: Sequence[Seen], environment: Environment, _as_of: date) -> Iterator[str]:
    """At most ten look-ups: by the records as far as they are known, and by the file for the rest."""
    try:
        hosted_zones(Fleet.of(environment))
    except DnsError as error:
        yield f"{error}."
    for one in stack:
        if one.type == RECORD and one.known("type") == "TXT":
            for text in map(str, one.items("records")):
                count = len(lookup_terms(text)) if text.startswith("v=spf1 ") else 0
                if count > MOST_LOOKUPS:
                    yield (
                        f"the SPF record of `{one.known('name')}` costs {count} DNS look-ups, not at most "
                        f"{MOST_LOOKUPS}: drop some of the domain's `spf_includes` or `pools`."
                    )


def a_lost_region_still_leaves_enough(
    stack: Sequence[Seen], environment: Environment, as_of: date
) -> Iterator[str]:
    """Each pool's peak, by the addresses that machines of this stack are really given."""
    bound = {one.name for one in stack if one.type == BOUND}
    if not bound:
        return  # the foundation's stack: addresses are bound by the fleet's
    for finding in a_lost_region_leaves_enough(_reduced(environment, bound), as_of):
        yield f"{dotted(finding.path)}: {finding.what}. {finding.remedy}"


def _reduced(environment: Environment, bound: Collection[str]) -> Environment:
    """The environment as if it had only the addresses that are bound."""
    pools = {}
    for name, pool in environment.pools.items():
        kept = {
            node: [address for address in addresses if str(address) in bound]
            for node, addresses in pool.addresses.items()
        }
        pools[name] = pool.model_copy(update={"addresses": kept})
    return environment.model_copy(update={"pools": pools})


def answers_are_checked(stack: Sequence[Seen], environment: Environment, _as_of: date) -> Iterator[str]:
    """Every steered answer hangs on a health check of its own stack."""
    steered = f".{environment.operator.steered_zone}"
    for one in stack:
        if one.type != RECORD or not str(one.known("name")).endswith(steered) or one.known("type") != "A":
            continue
        checks = [type_ for type_, _name in one.made_of.get("healthCheckId", ())]
        if HEALTH_CHECK not in checks:
            yield f"the answer `{one.name}` hangs on no health check: a dead node would stay in DNS."


WHOLE: dict[str, tuple[Whole, str]] = {
    "names": (names_agree, "PTR = HELO = A for every sending address."),
    "pools": (pools_are_apart, "No address serves two pools."),
    "spf": (spf_stays_answerable, f"An SPF record costs at most {MOST_LOOKUPS} DNS look-ups."),
    "capacity": (
        a_lost_region_still_leaves_enough,
        "After losing its largest region a pool still carries its peak.",
    ),
    "steering": (answers_are_checked, "Every steered answer hangs on a health check."),
}
"""Judges by the name of their policy, with the statement they hold."""


def _place(sending: SendingAddress) -> str:
    return f"pools.{sending.pool}.addresses.{sending.node}"
