"""Session Manager's agent: how it comes onto a machine, and how to see whether it is there."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from shlex import join

from infra.ssh import COULD_NOT_CONNECT, NodeShells

_URL = "https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/debian_amd64/amazon-ssm-agent.deb"
"""From AWS's own bucket: Debian's images come without it."""

_FETCH = ("curl", "--fail", "--silent", "--show-error", "--connect-timeout", "10")
_AT_FIRST_BOOT = ("--retry", "120", "--retry-delay", "5", "--retry-all-errors")
"""Patient: the machine reaches the internet only once its Elastic IP is bound."""
_LATER = ("--retry", "3", "--max-time", "120")

_PACKAGE = "/run/amazon-ssm-agent.deb"
_INSTALL = (
    "tries=0; until dpkg --install {package}; do "
    "tries=$((tries + 1)); [ $tries -lt 120 ] || exit 1; sleep 5; done"
)
"""dpkg does not wait for its lock, which apt-daily may hold."""

RUNS = "systemctl is-active --quiet amazon-ssm-agent"
"""A shell command that succeeds on a machine whose agent runs, whether AWS lets it connect or not."""
_INSTALL_SECONDS = 15 * 60


def first_boot(region: str) -> list[list[str]]:
    """The commands that install the agent on a machine that boots for the first time."""
    fetch = [*_FETCH, *_AT_FIRST_BOOT, "--output", _PACKAGE, _URL.format(region=region)]
    return [fetch, ["sh", "-c", _INSTALL.format(package=_PACKAGE)]]


def installing(region: str) -> str:
    """A shell command that has the agent run, and changes nothing where it does."""
    fetch = join([*_FETCH, *_LATER, "--output", _PACKAGE, _URL.format(region=region)])
    install = join(["sh", "-c", _INSTALL.format(package=_PACKAGE)])
    return f"{RUNS} || {{ {fetch} && {install} >&2 && systemctl enable --quiet --now amazon-ssm-agent; }}"


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
