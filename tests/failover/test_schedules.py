"""Schedules of faults in virtual time: what the decision never does, and what it always does in time.

`MTAFLEET_SCHEDULES=5000` plays so many instead of the few that every run of the tests plays.
"""

import os
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from failover.decide.holddown import most_level
from tests.failover.simulation import NODES, RESTORED_SECONDS, RULES, SITES, State, World

SICK: tuple[State, ...] = ("crash", "hang", "gray", "cut off", "one way", "full", "starved")


class Schedules(RuleBasedStateMachine):
    """Faults, their end, troubles of the observer itself, restarts; after each of them some time goes by."""

    world: World

    @initialize(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.01]))
    def begin(self, seed: int, loss: float) -> None:
        self.world = World(Random(seed), loss=loss)  # noqa: S311  drawn by hypothesis, to be repeated
        self.world.run(0.5)

    @rule(node=st.sampled_from(NODES), state=st.sampled_from(SICK), seconds=st.floats(0.05, 6))
    def breaks(self, node: str, state: State, seconds: float) -> None:
        self.world.become(state, node)
        self.world.run(seconds)

    @rule(
        site=st.sampled_from(["a", "b"]),
        state=st.sampled_from(["cut off", "crash"]),
        seconds=st.floats(0.05, 6),
    )
    def region_is_lost(self, site: str, state: State, seconds: float) -> None:
        self.world.become(state, *(node for node in NODES if SITES[node] == site))
        self.world.run(seconds)

    @rule(nodes=st.sets(st.sampled_from(NODES), min_size=2), state=st.sampled_from(SICK))
    def several_break(self, nodes: set[str], state: State) -> None:
        self.world.become(state, *sorted(nodes))
        self.world.run(2.5)

    @rule(outage=st.booleans(), seconds=st.floats(0.05, 6))
    def the_world_takes_no_mail_or_takes_it_again(self, outage: bool, seconds: float) -> None:
        self.world.world_takes(mail=not outage)
        self.world.run(seconds)

    @rule(node=st.sampled_from(NODES), seconds=st.floats(0.05, 12))
    def heals(self, node: str, seconds: float) -> None:
        self.world.become("well", node)
        self.world.run(seconds)

    @rule(node=st.sampled_from(NODES), times=st.integers(1, 25), state=st.sampled_from(SICK))
    def flaps(self, node: str, times: int, state: State) -> None:
        for _ in range(times):
            self.world.become(state, node)
            self.world.run(1.0)
            self.world.become("well", node)
            self.world.run(1.5)

    @rule(how=st.sampled_from(["deaf", "mute"]), seconds=st.floats(0.05, 6))
    def observer_goes_blind(self, how: str, seconds: float) -> None:
        self.world.blind("deaf" if how == "deaf" else "mute")
        self.world.run(seconds)

    @rule(lag=st.floats(0.11, 3), seconds=st.floats(0.05, 4))
    def observer_lags(self, lag: float, seconds: float) -> None:
        self.world.lag_seconds = lag
        self.world.run(seconds)

    @rule(seconds=st.floats(0.05, 4))
    def observer_recovers(self, seconds: float) -> None:
        self.world.see()
        self.world.run(seconds)

    @rule(remembering=st.booleans(), seconds=st.floats(0.05, 4))
    def daemon_restarts(self, remembering: bool, seconds: float) -> None:
        self.world.restart(remembering=remembering)
        self.world.run(seconds)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        played_seconds = self.world.now - 1000.0
        cheap = 2 + most_level(RULES)
        dear = played_seconds / RULES.most_seconds + played_seconds / RULES.window_seconds
        most = cheap * (1 + self.world.forgetful_restarts) + dear
        assert max(self.world.exits.values()) <= most
        self.world.become("well", *NODES)
        self.world.world_takes(mail=True)
        self.world.see()
        self.world.loss = 0.0
        healed_at = self.world.now
        while not self.is_restored():
            assert self.world.now < healed_at + RESTORED_SECONDS, self.world.standings
            self.world.run(0.5)

    def is_restored(self) -> bool:
        return all(
            one.in_service and one.healthy and one.weight_percent == 100
            for one in self.world.standings.values()
        )


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(
    max_examples=int(os.environ.get("MTAFLEET_SCHEDULES", "60")),
    stateful_step_count=12,
    deadline=None,
    derandomize="MTAFLEET_SCHEDULES" not in os.environ,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making a failure smaller takes minutes
    suppress_health_check=list(HealthCheck),
)
