"""Who watches whom: enough of them, in enough sites, about equally many, and the same for everybody."""

from collections import Counter
from math import ceil, floor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import GroupKey, Statement
from failover.decide.vantage import is_shown_to_work
from failover.watching import EVERYBODY_UP_TO, LEAST, SLACK, Seat, assign
from tests.failover.council import (
    ACTED_SECONDS,
    CHECKS,
    ENTRY,
    HEEDED_SECONDS,
    RELAY,
    RESTORED_SECONDS,
    Council,
    policy_of,
)

TWELVE = {f"{site}{number}": site for site in "abc" for number in range(4)}
SITE_NODES = {site: {node for node in TWELVE if TWELVE[node] == site} for site in "abc"}


@st.composite
def fleets(draw: st.DrawFn) -> list[Seat]:
    """Nodes of one to six regions of any size, perhaps a witness, perhaps application hosts."""
    sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    seats = [
        Seat(f"{place}-{one}", f"region-{place}") for place, size in enumerate(sizes) for one in range(size)
    ]
    if draw(st.booleans()):
        seats.append(Seat("witness", "north"))
    seats += [Seat(f"app-{one}", "office", judges=False) for one in range(draw(st.integers(0, 2)))]
    return seats


def spread(seats: list[Seat], wanted: int) -> dict[str, frozenset[str]]:
    return dict(assign(seats, wanted))


@given(fleets(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_each_node_has_enough_observers_in_as_many_sites_as_there_are(
    seats: list[Seat], wanted: int, random: Random
) -> None:
    found = spread(seats, wanted)
    shuffled = list(seats)
    random.shuffle(shuffled)
    assert spread(shuffled, wanted) == found, "all must find the same"
    judges = {seat.name: seat.site for seat in seats if seat.judges}
    if len(judges) <= max(EVERYBODY_UP_TO, wanted + 1):
        assert found == {}
        return
    assert found.keys() == {seat.name for seat in seats}
    for seat in seats:
        some = found[seat.name]
        assert len(some) == wanted
        assert some <= judges.keys() - {seat.name}
        sites = {judges[name] for name in some}
        elsewhere = set(judges.values()) - {seat.site}
        assert len(sites - {seat.site}) >= min(wanted, len(elsewhere), 2)
        homely = {judges[name] for name in judges if name != seat.name}
        assert len(sites) == min(wanted, len(homely)), "one lost site must leave as many as can be"


@given(fleets(), st.integers(2, 4))
def test_within_a_site_nobody_watches_much_more_or_less_than_others(seats: list[Seat], wanted: int) -> None:
    found = spread(seats, wanted)
    loads = Counter(name for some in found.values() for name in some)
    for site in {seat.site for seat in seats if seat.judges}:
        each = [loads[seat.name] for seat in seats if seat.site == site and seat.judges]
        average = sum(each) / len(each)
        assert min(each) >= min(LEAST, floor(average)) - 1
        assert max(each) <= ceil(SLACK * average) + 1


@pytest.mark.parametrize("regions", [2, 3, 4])
def test_few_observers_change_when_a_node_goes(regions: int) -> None:
    nodes = 36
    seats = [Seat(f"node-{one}", f"region-{one % regions}") for one in range(nodes)]
    before, shares = spread(seats, 3), []
    for gone in seats:
        after = spread([one for one in seats if one is not gone], 3)
        moved = sum(len(some - after[name]) for name, some in before.items() if name != gone.name)
        shares.append(moved / (3 * nodes))
    assert max(shares) < 0.25
    assert sum(shares) / nodes < 0.12, "3 of 36 is what cannot be helped"


def test_what_is_watched_grows_with_the_fleet_and_not_with_its_square() -> None:
    for nodes in (20, 50, 200):
        seats = [Seat(f"node-{one}", f"region-{one % 4}") for one in range(nodes)]
        assert sum(map(len, spread(seats, 3).values())) == 3 * nodes


def a_council(seed: int = 1) -> Council:
    """Twelve nodes on three sites, each watched by three others, after their first looks."""
    seats = [Seat(name, site) for name, site in TWELVE.items()]
    watchers = {name: some | {name} for name, some in assign(seats).items()}
    council = Council(Random(seed), sites=TWELVE, nodes=tuple(TWELVE), watchers=watchers)  # noqa: S311
    council.run(8.0)
    return council


def agreed(council: Council, sick: set[str], among: set[str]) -> bool:
    """Whether everybody in `among` has `sick` out of service by agreement, and nobody else."""
    return all(
        {node for node, one in observer.decision.plan[key].items() if one.agreed and not one.in_service}
        == sick
        for name, observer in council.observers.items()
        if name in among
        for key in CHECKS
    )


def run_until(council: Council, sick: set[str], among: set[str]) -> bool:
    until = council.now + ACTED_SECONDS
    while council.now < until:
        council.run(0.05)
        if agreed(council, sick, among):
            return True
    return False


def is_restored(council: Council) -> bool:
    return all(
        one.in_service and one.healthy and one.weight_percent == 100
        for observer in council.observers.values()
        for key in (ENTRY, RELAY)
        for one in observer.decision.plan[key].values()
    )


def assert_restored(council: Council) -> None:
    until = council.now + RESTORED_SECONDS
    while not is_restored(council):
        assert council.now < until, {name: one.decision.plan for name, one in council.observers.items()}
        council.run(0.5)


@pytest.mark.parametrize("state", ["crash", "hang", "gray"])
def test_three_observers_are_enough_to_agree_on_one_failed_node(state: str) -> None:
    council = a_council()
    council.become(state, "b2")  # type: ignore[arg-type]
    assert run_until(council, {"b2"}, set(TWELVE))
    council.become("well", "b2")
    assert_restored(council)


def test_the_rest_agrees_on_a_region_that_is_lost() -> None:
    council = a_council()
    lost = SITE_NODES["b"]
    others = set(TWELVE) - lost
    council.become("crash", *lost)
    council.divide(lost, others, one_way=False)
    assert run_until(council, lost, others)
    council.become("well", *lost)
    council.heal()
    assert_restored(council)


@pytest.mark.parametrize("inward", [True, False])
def test_the_rest_agrees_on_a_region_that_is_cut_off_one_way(inward: bool) -> None:
    council = a_council()
    lost = SITE_NODES["a"]
    others = set(TWELVE) - lost
    some, other = (others, lost) if inward else (lost, others)
    council.divide(some, other, one_way=True)
    assert run_until(council, lost, others)
    council.heal()
    assert_restored(council)


def test_one_observer_at_fault_takes_nobody_out_for_others() -> None:
    council = a_council()
    council.divide(set(TWELVE) - {"c1"}, {"c1"}, one_way=True)
    for _ in range(100):
        council.run(0.1)
        for name, observer in council.observers.items():
            for node in set(TWELVE) - {"c1"}:
                for key in CHECKS:
                    assert name == "c1" or observer.standing(node, key).in_service, (name, node)


def test_a_node_fails_while_one_site_of_its_observers_is_lost() -> None:
    council = a_council()
    lost = SITE_NODES["c"]
    others = set(TWELVE) - lost
    council.become("crash", *lost)
    council.divide(lost, others, one_way=False)
    assert run_until(council, lost, others)
    council.become("crash", "a0")
    assert run_until(council, lost | {"a0"}, others - {"a0"})


def check_that_two_sites_had_cause(council: Council, _: str, node: str) -> None:
    """Observers of it in two sites have had no answer, or heard nothing, as lately as their word counts."""
    oldest = council.now - HEEDED_SECONDS - 2.0
    unanswered = {one for (one, to), at in council.failed_at.items() if to == node and at >= oldest}
    unheard = {one for one, it in council.observers.items() if node in it.decision.silent}
    sites = {council.sites[one] for one in (unanswered | unheard) & council.watchers[node]}
    assert len(sites) >= 2, (node, unanswered, unheard)


@pytest.mark.parametrize("seed", range(6))
def test_through_faults_at_random_nothing_leaves_dns_that_two_sites_have_not_found_failing(seed: int) -> None:
    council, random = a_council(seed), Random(seed)  # noqa: S311
    council.on_leave = check_that_two_sites_had_cause
    for _ in range(8):
        node, site = random.choice(sorted(TWELVE)), random.choice("abc")
        some = random.choice([{node}, SITE_NODES[site]])
        others = set(TWELVE) - some
        match random.randrange(5):
            case 0 | 1:
                council.become(random.choice(["crash", "hang", "gray"]), *some)
            case 2:
                council.become("well", *TWELVE)
            case 3:
                pair = random.choice([(some, others), (others, some)])
                council.divide(*pair, one_way=random.random() < 0.5)
            case 4:
                council.heal()
        council.run(round(random.uniform(0.1, 6), 2))
    council.become("well", *TWELVE)
    council.heal()
    assert_restored(council)


def test_only_observers_of_a_node_show_that_it_works() -> None:
    watchers = {"a0": frozenset({"a0", "b0", "c0"})}
    policy = policy_of("a1", TWELVE, tuple(TWELVE), watchers)
    key = GroupKey("entry", "orders")

    def shown(**said: Statement) -> bool:
        return is_shown_to_work(said, policy, key, "a0")

    assert not shown()
    assert not shown(a0=Statement(), b1=Statement())
    assert not shown(b0=Statement(frozenset({"a0"})), c0=Statement(entries=False))
    assert not shown(b0=Statement(frozenset({"@a"})), c0=Statement(partial=True))
    assert shown(b0=Statement(frozenset({"a0"})), c0=Statement(frozenset({"a2"})))
