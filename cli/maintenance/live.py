"""A real fleet under maintenance: its nodes over SSH, its name servers by DNS."""

import asyncio
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cli.access import prepare_shells
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.handover import HandedOver, Tiers, command_words, peerless, routes
from cli.maintenance.work import Busy
from cli.status import ASK_DAEMON, ZoneAnswer, ask_primaries, read_observers
from failover.overview import Observer
from fleet.inventory import Outputs
from fleet.ports import SMTPS, SUBMISSION
from fleet.topology import Fleet
from infra.outputs import read_outputs
from infra.ssh import NodeShells, Reply, node_shells

HELPER = "/usr/local/sbin/mtafleet-maintenance"
HAND_OVER_GRACE_SECONDS = 120.0
"""A peer that hangs is given up after half a minute, and a round ends with the messages under way."""
TRY_QUEUE = "postmulti -g mtafleet -x postqueue -f"


class LiveNodes:
    """See `cli.maintenance.work.Nodes`."""

    def __init__(self, fleet: Fleet, outputs: Outputs, shells: NodeShells) -> None:
        self._fleet = fleet
        self._outputs = outputs
        self._shells = shells

    def observers(self) -> Sequence[Observer]:
        return read_observers(self._outputs, self._shells.ask(ASK_DAEMON))

    def dns_names(self, node: str) -> Sequence[str]:
        return [
            one.problem or f"{one.primary} still answers {one.name} with {node}"
            for one in self._answers()
            if one.problem or node in one.nodes
        ]

    def dns_lacks(self, node: str) -> Sequence[str]:
        return [
            f"{one.primary} does not answer {one.name} with {node} yet"
            for one in self._answers()
            if node in one.wanted and node not in one.nodes
        ]

    def order(self, words: Sequence[str]) -> Mapping[str, Reply]:
        return self._shells.ask(shlex.join([HELPER, *words]))

    def busy(self, node: str) -> Busy:
        pools = self._fleet.pools
        listeners = [port for pool in pools for port in (pool.smtps_port, pool.submission_port)]
        ports = ",".join(str(port) for port in (SMTPS, SUBMISSION, *listeners))
        reply = self._shells.ask_one(node, shlex.join([HELPER, "busy", "--ports", ports]))
        if not reply.ok:
            raise MaintenanceError(f"{node}: its queues cannot be read: {reply.problem}")
        found = json.loads(reply.output)
        return Busy(found["queued"], found["sessions"], sum(found.get("moving", {}).values()))

    def try_queue(self, node: str) -> None:
        """Failing is no harm: the queue managers try by themselves too."""
        self._shells.ask_one(node, TRY_QUEUE)

    def hand_over(self, node: str, seconds: float, *, untried: bool) -> HandedOver:
        """Peers are chosen anew each time: one may have fallen ill meanwhile."""
        found = routes(self._fleet, self.observers(), node)
        words = command_words(found, seconds, untried=untried)
        if not words:
            return HandedOver(problems=tuple(peerless(found)))
        reply = self._shells.ask_one(node, f"{HELPER} hand-over {words}", seconds + HAND_OVER_GRACE_SECONDS)
        if not reply.ok:
            return HandedOver(problems=(reply.problem.removeprefix("error: "),))
        told = json.loads(reply.output)
        return HandedOver(told["handed"], (*peerless(found), *told["problems"]), told["broken"])

    def routes(self, node: str) -> Mapping[str, Tiers]:
        return routes(self._fleet, self.observers(), node)

    def _answers(self) -> Sequence[ZoneAnswer]:
        return asyncio.run(ask_primaries(self._fleet))


@contextmanager
def live_nodes(fleet: Fleet) -> Iterator[LiveNodes]:
    """The fleet of a stack that has been provisioned and configured."""
    outputs = read_outputs(fleet.environment.environment, substrate=fleet.environment.substrate)
    prepare_shells(fleet.environment.environment, outputs.fleet)
    with node_shells(outputs) as shells:
        yield LiveNodes(fleet, outputs.fleet, shells)
