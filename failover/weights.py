"""Weights of servers behind this node's HAProxy: less than the whole while a server comes back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from failover.config import Pool
from failover.decide import GroupKey, Plan
from failover.haproxy import ServerKey, ServerState


@dataclass(frozen=True, slots=True)
class WeightOrder:
    """One server is to get this weight, in HAProxy's own scale."""

    key: ServerKey
    weight: int

    @property
    def command(self) -> str:
        return f"set server {self.key.backend}/{self.key.server} weight {self.weight}"


def plan_weights(
    plan: Plan, pools: Mapping[str, Pool], states: Mapping[ServerKey, ServerState]
) -> tuple[WeightOrder, ...]:
    """What must be ordered so that each server in service has its share of its full weight.

    Never less than 1: HAProxy gives a server of weight 0 nothing, even when no other is left.
    """
    found = []
    for name, pool in pools.items():
        for node, standing in plan.get(GroupKey("relay", name), {}).items():
            for key in (ServerKey(backend, node) for backend in pool.backends):
                state = states.get(key)
                if state is None or state.in_maintenance or not standing.in_service:
                    continue
                weight = max(1, state.initial_weight * standing.weight_percent // 100)
                if state.initial_weight > 0 and weight != state.weight:
                    found.append(WeightOrder(key, weight))
    return tuple(found)
