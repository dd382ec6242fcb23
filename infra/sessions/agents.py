"""Session Manager's agent on the fleet's machines, as SSH shows it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.sessions.agent import RUNS, installing
from infra.ssh import COULD_NOT_CONNECT, NodeShells

_INSTALL_SECONDS = 15 * 60


def without_agent(shells: NodeShells, nodes: Sequence[str]) -> dict[str, str]:
    """Those nodes whose agent is not seen to run, each with why."""
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as workers:
        replies = dict(zip(nodes, workers.map(lambda node: shells.ask_one(node, RUNS), nodes), strict=True))
    return {
        node: reply.problem if _unreachable(reply.exit_code, reply.problem) else "the agent does not run"
        for node, reply in replies.items()
        if not reply.ok
    }


def install(shells: NodeShells, regions: Mapping[str, str]) -> dict[str, str]:
    """Have the agent run on each node (given with its AWS region); those where it could not be, and why."""
    with ThreadPoolExecutor(max_workers=max(1, len(regions))) as workers:
        replies = workers.map(
            lambda node: shells.ask_one(node, installing(regions[node]), _INSTALL_SECONDS), regions
        )
        return {node: reply.problem for node, reply in zip(regions, replies, strict=True) if not reply.ok}


def _unreachable(exit_code: int, problem: str) -> bool:
    return bool(problem) and exit_code in (0, COULD_NOT_CONNECT)
