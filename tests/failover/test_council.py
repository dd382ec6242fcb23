"""Observers on three sites in virtual time: none of them, nor any one site, takes a node out of DNS alone.

`MTAFLEET_SCHEDULES=5000` plays so many schedules instead of the few that every run of the tests plays.
"""

import os
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.failover.council import (
    ACTED_SECONDS,
    CHECKS,
    ENTRY,
    EVERYBODY,
    HEEDED_SECONDS,
    NODES,
    RELAY,
    RESTORED_SECONDS,
    SITES,
    Council,
    State,
)

FORGOTTEN_SECONDS = 2.0
"""Two good probes, at the pace of doubt, and what is heard of them."""
SICK: tuple[State, ...] = ("crash", "hang", "gray")
SECONDS = st.floats(0.05, 6)
SITE_NODES = {site: {node for node in EVERYBODY if SITES[node] == site} for site in "abc"}


def check_that_two_sites_had_cause(council: Council, observer: str, node: str) -> None:
    """Probes of others in two sites have failed so lately that what was said of it may still count."""
    oldest = council.now - HEEDED_SECONDS - FORGOTTEN_SECONDS
    sites = {council.sites[one] for (one, to), at in council.failed_at.items() if to == node and at >= oldest}
    assert len(sites) >= 2, (observer, node, sites)


def check_that_somebody_has_seen_it_work(council: Council, observer: str, node: str) -> None:
    """Nobody brings it back by having just started, or by saying nothing."""
    if "find" in council.observers[observer].standing(node).reason:
        lately = council.now - HEEDED_SECONDS - FORGOTTEN_SECONDS
        seen = [at for (one, to), at in council.good_at.items() if to == node != one != observer]
        assert max(seen, default=0.0) >= lately, (observer, node, council.observers[observer].standing(node))


class Councils(RuleBasedStateMachine):
    """Faults of nodes, of the network, of observers, and their end; some time goes by after each."""

    council: Council

    @initialize(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.01]))
    def begin(self, seed: int, loss: float) -> None:
        self.council = Council(Random(seed), loss)  # noqa: S311  drawn by hypothesis, to be repeated
        self.council.on_leave = check_that_two_sites_had_cause
        self.council.on_return = check_that_somebody_has_seen_it_work
        self.goes_on(3.0)

    @rule(node=st.sampled_from(NODES), state=st.sampled_from(SICK), seconds=SECONDS)
    def breaks(self, node: str, state: State, seconds: float) -> None:
        self.council.become(state, node)
        self.goes_on(seconds)

    @rule(site=st.sampled_from(["a", "b"]), state=st.sampled_from(SICK), seconds=SECONDS)
    def region_breaks(self, site: str, state: State, seconds: float) -> None:
        self.council.become(state, *SITE_NODES[site])
        self.goes_on(seconds)

    @rule(node=st.sampled_from(NODES), seconds=SECONDS)
    def mends(self, node: str, seconds: float) -> None:
        self.council.become("well", node)
        self.goes_on(seconds)

    @rule(name=st.sampled_from(EVERYBODY), deaf=st.booleans(), mute=st.booleans(), seconds=SECONDS)
    def observer_is_cut_off(self, name: str, deaf: bool, mute: bool, seconds: float) -> None:
        others = set(EVERYBODY) - {name}
        if deaf:
            self.council.divide(others, {name}, one_way=True)
        if mute:
            self.council.divide({name}, others, one_way=True)
        self.goes_on(seconds)

    @rule(site=st.sampled_from("abc"), one_way=st.booleans(), inward=st.booleans(), seconds=SECONDS)
    def site_is_cut_off(self, site: str, one_way: bool, inward: bool, seconds: float) -> None:
        inside, outside = SITE_NODES[site], set(EVERYBODY) - SITE_NODES[site]
        some, others = (outside, inside) if inward else (inside, outside)
        self.council.divide(some, others, one_way=one_way)
        self.goes_on(seconds)

    @rule(name=st.sampled_from(EVERYBODY), lag=st.floats(0.11, 3), seconds=SECONDS)
    def observer_lags(self, name: str, lag: float, seconds: float) -> None:
        self.council.lag[name] = lag
        self.council.troubled_at = self.council.now
        self.goes_on(seconds)

    @rule(name=st.sampled_from(EVERYBODY), seconds=SECONDS)
    def daemon_restarts(self, name: str, seconds: float) -> None:
        self.council.start(name)
        self.goes_on(seconds)

    @rule(seconds=SECONDS)
    def network_heals(self, seconds: float) -> None:
        self.council.heal()
        self.goes_on(seconds)

    @invariant()
    def failures_are_acted_on(self) -> None:
        """Where the network is whole and everybody may judge, all know of every failure, and agree."""
        council = self.council
        if not council.is_whole or council.now < council.troubled_at + ACTED_SECONDS:
            return
        sick = {node for node in NODES if council.states[node] != "well"}
        if len(sick) > len(NODES) - 2:
            return  # with nobody to compare with, observers doubt themselves
        for name, observer in council.observers.items():
            for key in CHECKS:
                for node in sick:
                    one = observer.standing(node, key)
                    assert not one.healthy, (name, key, node, one)
                    assert one.agreed, (name, key, node, one)

    def goes_on(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25) + 1):
            self.council.run(0.25)
            self.check()

    def check(self) -> None:
        council = self.council
        for name, observer in council.observers.items():
            for key in CHECKS:
                standings = observer.decision.plan[key]
                serving = [node for node in NODES if standings[node].in_service]
                assert len(serving) >= 2, (name, key, standings)

    def teardown(self) -> None:
        if not hasattr(self, "council"):
            return
        council = self.council
        council.become("well", *NODES)
        council.heal()
        council.loss = 0.0
        until = council.now + RESTORED_SECONDS
        while not self.is_restored():
            assert council.now < until, {name: one.decision.plan for name, one in council.observers.items()}
            council.run(0.5)

    def is_restored(self) -> bool:
        return all(
            one.in_service and one.healthy and one.weight_percent == 100
            for observer in self.council.observers.values()
            for key in (ENTRY, RELAY)
            for one in observer.decision.plan[key].values()
        )


TestCouncils = Councils.TestCase
TestCouncils.settings = settings(
    max_examples=int(os.environ.get("MTAFLEET_SCHEDULES", "25")),
    stateful_step_count=10,
    deadline=None,
    derandomize="MTAFLEET_SCHEDULES" not in os.environ,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making a failure smaller takes minutes
    suppress_health_check=list(HealthCheck),
)
