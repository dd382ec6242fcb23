"""Rules on regions as a whole, failover, limits and the lab."""

from collections.abc import Iterator
from math import ceil

from fleet.spec.finding import Finding
from fleet.spec.models import Environment, Pool

SLOWEST_DETECTION_MILLISECONDS = 10_000
SHORTEST_QUEUE_LIFETIME_HOURS = 24


def two_regions_at_least(environment: Environment) -> Iterator[Finding]:
    if len(environment.regions) < 2:
        yield Finding(
            ("regions",),
            f"a fleet needs two regions at least; this one has {len(environment.regions)}",
            "Add a region with nodes, a name server and addresses for each pool.",
        )


def detection_is_fast_enough(environment: Environment) -> Iterator[Finding]:
    failover = environment.failover
    worst = failover.fall * failover.probe_interval_milliseconds + failover.probe_timeout_milliseconds
    if worst > SLOWEST_DETECTION_MILLISECONDS:
        yield Finding(
            ("failover",),
            f"a dead node would go unnoticed for {worst} ms (fall x interval + timeout)",
            f"Shorten them to {SLOWEST_DETECTION_MILLISECONDS} ms together: senders give up before that.",
        )


def probe_timeout_fits_the_interval(environment: Environment) -> Iterator[Finding]:
    failover = environment.failover
    most = 10 * failover.probe_interval_milliseconds
    if failover.probe_timeout_milliseconds > most:
        yield Finding(
            ("failover", "probe_timeout_milliseconds"),
            f"a probe may take {failover.probe_timeout_milliseconds} ms but one is sent every "
            f"{failover.probe_interval_milliseconds} ms",
            f"Choose at most ten intervals, {most} ms, or probe less often.",
        )


def probe_timeout_exceeds_round_trip(environment: Environment) -> Iterator[Finding]:
    if environment.lab is None:
        return
    link = environment.lab.link
    round_trip = 2 * (link.delay_milliseconds + link.jitter_milliseconds)
    if environment.failover.probe_timeout_milliseconds <= round_trip:
        yield Finding(
            ("failover", "probe_timeout_milliseconds"),
            f"a probe between regions takes up to {round_trip} ms on this lab's link",
            f"Choose more than {round_trip} ms, or every node would count as down.",
        )


def return_is_slower_than_leaving(environment: Environment) -> Iterator[Finding]:
    failover = environment.failover
    if failover.rise < failover.fall:
        yield Finding(
            ("failover", "rise"),
            f"a node would come back after {failover.rise} good probes "
            f"but leave after {failover.fall} bad ones",
            f"Choose {failover.fall} or more: a node that flaps must not return faster than it leaves.",
        )


def floor_leaves_room(environment: Environment) -> Iterator[Finding]:
    """The floor must allow at least one node to leave, and the largest region to vanish."""
    floor = environment.failover.floor_percent
    for name, pool in environment.pools.items():
        members = len(pool.addresses)
        must_stay = ceil(members * floor / 100)
        lost, region = _largest_share(environment, pool)
        if members > 1 and must_stay > members - 1:
            what = f"pool `{name}` has {members} nodes, and {must_stay} of them could never leave service"
        elif members - lost < must_stay:
            what = (
                f"when region `{region}` vanishes, pool `{name}` keeps {members - lost} of {members} nodes, "
                f"below its floor of {must_stay}"
            )
        else:
            continue
        most = 100 * min(members - 1, members - lost) // members
        yield Finding(
            ("failover", "floor_percent"), what, f"Choose at most {most}, or add nodes to the pool."
        )


def limits_leave_room(environment: Environment) -> Iterator[Finding]:
    """Limits beside the floor must allow the largest region to vanish too."""
    failover = environment.failover
    for name, pool in environment.pools.items():
        members = len(pool.addresses)
        lost, region = _largest_share(environment, pool)
        answer, ejected = failover.answer_floor_percent, failover.most_ejected_percent
        if answer is not None and members - lost < ceil(members * answer / 100):
            yield Finding(
                ("failover", "answer_floor_percent"),
                f"when region `{region}` vanishes, the answer of pool `{name}` could lose only some of its "
                f"{lost} of {members} addresses",
                f"Choose at most {100 * (members - lost) // members}, or add nodes to the pool.",
            )
        if ejected is not None and failover.eject_regions and members * ejected // 100 < lost:
            yield Finding(
                ("failover", "most_ejected_percent"),
                f"when region `{region}` vanishes, {lost} of {members} nodes of pool `{name}` should "
                "leave service",
                f"Choose {ceil(100 * lost / members)} or more, or set `eject_regions: false`.",
            )


def return_grows(environment: Environment) -> Iterator[Finding]:
    failover = environment.failover
    shares = failover.return_weights_percent
    if list(shares) != sorted(set(shares)):
        yield Finding(
            ("failover", "return_weights_percent"),
            f"a node's share of traffic would not grow with each step: {', '.join(map(str, shares))}",
            "Write growing shares, such as [10, 50].",
        )
    if failover.hold_down_most_seconds < failover.hold_down_base_seconds:
        yield Finding(
            ("failover", "hold_down_most_seconds"),
            f"nobody could be held down for {failover.hold_down_base_seconds} s",
            f"Choose {failover.hold_down_base_seconds} or more.",
        )


def queue_outlives_an_outage(environment: Environment) -> Iterator[Finding]:
    hours = environment.limits.queue_lifetime_hours
    if hours < SHORTEST_QUEUE_LIFETIME_HOURS:
        yield Finding(
            ("limits", "queue_lifetime_hours"),
            f"mail would be returned after {hours} hours: an ISP's bad day would become lost messages",
            f"Choose {SHORTEST_QUEUE_LIFETIME_HOURS} or more; 120 (five days) is usual.",
        )


def jitter_stays_below_delay(environment: Environment) -> Iterator[Finding]:
    if environment.lab is None:
        return
    link = environment.lab.link
    if link.jitter_milliseconds > link.delay_milliseconds:
        yield Finding(
            ("lab", "link", "jitter_milliseconds"),
            f"a jitter of {link.jitter_milliseconds} ms around a delay of {link.delay_milliseconds} ms "
            "would deliver packets before they are sent",
            f"Choose at most {link.delay_milliseconds}.",
        )


def _largest_share(environment: Environment, pool: Pool) -> tuple[int, str]:
    """The most of the pool's nodes in one region, and that region."""
    shares = {
        name: len(region.nodes.keys() & pool.addresses.keys()) for name, region in environment.regions.items()
    }
    region = max(shares, key=lambda name: shares[name], default="")
    return shares.get(region, 0), region


RULES = (
    two_regions_at_least,
    detection_is_fast_enough,
    probe_timeout_fits_the_interval,
    probe_timeout_exceeds_round_trip,
    return_is_slower_than_leaving,
    floor_leaves_room,
    limits_leave_room,
    return_grows,
    queue_outlives_an_outage,
    jitter_stays_below_delay,
)
