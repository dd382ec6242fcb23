"""What watching costs fleets, when all watch all and as it is: `uv run python -m bench.watchers`.

Heartbeats are counted on a wire that takes them and sends nothing. Probes follow from the settings: each node
with three pools and one instance for inbound mail, all well, in four regions with a witness.
"""

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import click

from bench.main import benchmark
from failover.config import Config, Peer, Pool, Timing
from failover.lines import CALM_FACTOR
from failover.prober import OWN_SESSION_INTERVAL_SECONDS
from failover.pulse import Pulse
from failover.shape import SESSION_FALL

REGIONS = 4
POOLS = ("transactional", "marketing", "notification")
INSTANCES = (*POOLS, "inbound")
TIMING = Timing(0.1, 0.1, 0.2, 10.0, 1.0, SESSION_FALL, 20, 50)
ALL = 10**6
"""More observers than there are nodes: everybody watches everybody."""
BEATS = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """One fleet, by second: in all of it, and on the node that sends or probes most."""

    nodes: int
    watching: str
    datagrams: float
    datagrams_of_one: float
    probes: float
    probes_of_one: float
    probes_of_the_witness: float


class Wire:
    """Counts what is sent."""

    def __init__(self) -> None:
        self.count = 0

    def sendto(self, *_: object) -> None:
        self.count += 1


def fleet(nodes: int, observers: int) -> list[Config]:
    """The configuration of every machine."""
    ports = dict.fromkeys(INSTANCES, 11025)
    peers = [
        Peer(f"n{one}", f"region-{one % REGIONS}", "mta", "127.0.0.1", 7946, ports) for one in range(nodes)
    ]
    peers.append(Peer("witness", "north", "witness", "127.0.0.1", 7946, {}))
    entries = {f"n{one}": "127.0.0.1" for one in range(nodes)}
    pools = {name: Pool((), entries if name in POOLS else {}, 587) for name in INSTANCES}
    return [_config(peer.name, tuple(peers), pools, observers) for peer in peers]


def _config(node: str, peers: tuple[Peer, ...], pools: dict[str, Pool], observers: int) -> Config:
    none = Path("/nonexistent")
    timing = replace(TIMING, observers=observers)
    return Config(
        node, none, "127.0.0.1", 7946, peers, pools, timing, None, None, None, None, None, none, none
    )


def datagrams_a_second(config: Config) -> float:
    """What this node sends while nothing is new."""
    wire = Wire()
    peers = {peer.name: peer for peer in config.peers if peer.name != config.node}
    watchers = config.watchers.get(config.node)
    sent_to = None if watchers is None else watchers & peers.keys()
    pulse = Pulse(config.node, b"s" * 32, cast(socket.socket, wire), peers, sent_to)
    pulse.beat()  # the first goes to everybody
    wire.count = 0
    for _ in range(BEATS):
        pulse.beat()
    return wire.count / BEATS / config.timing.heartbeat_interval_seconds


def probes_a_second(config: Config) -> float:
    """What this node asks of itself and of others, all of them well and heard."""
    timing, found = config.timing, 0.0
    for peer in config.peers:
        if not config.watches(peer.name) or not peer.probes:
            continue
        own = peer.name == config.node
        line = timing.probe_interval_seconds * (1 if own else CALM_FACTOR)
        session = OWN_SESSION_INTERVAL_SECONDS if own else timing.session_interval_seconds
        entries = sum(peer.name in pool.entries for pool in config.pools.values())
        found += len(peer.probes) / line + (len(peer.probes) + entries) / session
    return found


def measure(nodes: int, observers: int) -> Cost:
    """The cost of a fleet of `nodes` and a witness."""
    configs = fleet(nodes, observers)
    sent = [datagrams_a_second(one) for one in configs]
    asked = [probes_a_second(one) for one in configs]
    return Cost(
        nodes,
        "all watch all" if observers == ALL else f"{observers} watch each",
        round(sum(sent)),
        round(max(sent[:-1])),
        round(sum(asked)),
        round(max(asked[:-1])),
        round(asked[-1]),
    )


def table(costs: Sequence[Cost]) -> str:
    """As Markdown."""
    rows = [
        f"| {one.nodes} | {one.watching} | {one.datagrams:,.0f} | {one.datagrams_of_one:,.0f} | "
        f"{one.probes:,.0f} | {one.probes_of_one:,.0f} | {one.probes_of_the_witness:,.0f} |"
        for one in costs
    ]
    head = "| nodes | watching | datagrams/s | of one node | probes/s | of one node | of the witness |"
    return "\n".join([head, "|---:|---|---:|---:|---:|---:|---:|", *rows])


@click.command()
@click.option("--nodes", default=(10, 50, 200), multiple=True, type=click.IntRange(2), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object in place of a table.")
def main(nodes: tuple[int, ...], as_json: bool) -> None:
    """Count heartbeats and probes a second, when all watch all and when three watch each."""
    costs = [measure(size, observers) for size in nodes for observers in (ALL, TIMING.observers)]
    click.echo(json.dumps([asdict(one) for one in costs]) if as_json else table(costs))


if __name__ == "__main__":
    benchmark(main)
