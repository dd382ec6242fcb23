"""From the configuration to what `decide` works on: groups, thresholds, timing."""

import math
from dataclasses import replace

from failover.config import Config, Timing
from failover.decide import Check, Group, GroupKey, Policy, Target, Threshold
from failover.lines import CONFIRM_SECONDS

FRONT = ""
"""The pool name of the group that stands for a node's front door as a whole."""
SESSION_FALL = 2
"""Fresh sessions are few: two failed ones in a row are enough."""


def policy_of(config: Config) -> Policy:
    """The policy of this daemon; a node is silent after as many heartbeats as `fall`, and one timeout."""
    timing, safety = config.timing, config.safety
    sessions = Threshold(SESSION_FALL, _session_rise(timing))
    return Policy(
        observer=config.node,
        groups=groups_of(config),
        thresholds={
            Check.NOOP: Threshold(timing.fall, timing.rise),
            Check.SESSION: sessions,
            Check.ENTRY: sessions,
        },
        silence_seconds=timing.fall * timing.heartbeat_interval_seconds + timing.probe_timeout_seconds,
        floor_percent=timing.floor_percent,
        most_lag_seconds=timing.probe_timeout_seconds / 2,
        answer_floor_percent=safety.answer_floor_percent,
        most_ejected_percent=safety.most_ejected_percent,
        eject_regions=safety.eject_regions,
        sites={peer.name: peer.site for peer in config.peers},
        vantages={peer.name: peer.site for peer in config.peers if peer.judges},
        watchers=config.watchers,
        witness_sites=_witness_sites(config),
        hold_down=safety.hold_down,
        slow_return=safety.slow_return,
        capacity=safety.capacity,
        vital_limits=replace(
            config.seeing.limits, most_lag_milliseconds=round(timing.probe_timeout_seconds * 500)
        ),
    )


def _witness_sites(config: Config) -> frozenset[str]:
    carrying = {peer.site for peer in config.peers if peer.role == "mta"}
    return frozenset(peer.site for peer in config.peers if peer.role == "witness") - carrying


def _session_rise(timing: Timing) -> int:
    """Good fresh sessions in a row that take as long as `rise` good probes of the persistent one."""
    return max(SESSION_FALL, math.ceil(timing.rise * timing.probe_interval_seconds / CONFIRM_SECONDS))


def groups_of(config: Config) -> tuple[Group, ...]:
    """Instances behind HAProxy by pool; entries by pool, and the front doors, where they matter."""
    relays = tuple(_relay(config, pool) for pool in config.pools)
    if not config.watches_entries:
        return relays
    entries = tuple(
        Group(GroupKey("entry", name), {node: (Target(node, name, Check.ENTRY),) for node in pool.entries})
        for name, pool in config.pools.items()
        if pool.entries
    )
    return (*relays, *entries, _front(config))


def _relay(config: Config, pool: str) -> Group:
    return Group(
        GroupKey("relay", pool),
        {
            peer.name: (Target(peer.name, pool, Check.NOOP), Target(peer.name, pool, Check.SESSION))
            for peer in config.peers
            if pool in peer.probes
        },
    )


def _front(config: Config) -> Group:
    members: dict[str, tuple[Target, ...]] = {}
    for name, pool in config.pools.items():
        for node in pool.entries:
            members[node] = (*members.get(node, ()), Target(node, name, Check.ENTRY))
    return Group(GroupKey("entry", FRONT), members, needs="any")
