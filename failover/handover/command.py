"""`mtafleet-maintenance hand-over`: give queued mail of this node to peers for some seconds.

    hand-over --seconds 15 --route transactional=east-2/west-1,west-2 [--route ...] [--untried]

`/` parts tiers of peers. `--untried` adds what waits for its first attempt, in paced transports. Refuses
unless a maintenance order is in force for this node, and ends when it is lifted or runs out: a node that
serves never hands mail on.
"""

import argparse
import fcntl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from failover.config import MaintenanceFiles
from failover.errors import ConfigError
from failover.handover.errors import HandOverError
from failover.handover.queue import Instance
from failover.handover.session import connected
from failover.handover.settings import SETTINGS_FILE, Settings, load_settings
from failover.handover.work import Round, Route, hand_over, mail_log, told, while_allowed
from failover.orders import Order, in_force

CONFIGURATIONS = Path("/etc")
SPOOLS = Path("/var/spool")
MOST_SECONDS = 300


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The subcommand's own options."""
    parser = commands.add_parser("hand-over", help="give queued mail of this drained node to peers")
    parser.add_argument("--seconds", type=float, required=True, help=f"at most {MOST_SECONDS}")
    parser.add_argument("--route", action="append", required=True, metavar="POOL=PEER[,PEER][/PEER...]")
    parser.add_argument("--untried", action="store_true", help="also what waits for its first attempt")
    parser.add_argument("--settings", type=Path, default=SETTINGS_FILE, help="(%(default)s)")


def run(
    options: argparse.Namespace,
    files: MaintenanceFiles,
    orders: Callable[[], Mapping[str, Order]],
) -> Mapping[str, object]:
    """One round; what it did. FailoverError when it may not begin, or must not go on."""
    settings = load_settings(options.settings)
    routes = [parse_route(one, settings) for one in options.route]
    if not 0 < options.seconds <= MOST_SECONDS:
        raise ConfigError(f"--seconds: expected more than 0 and at most {MOST_SECONDS}")

    def ordered() -> bool:
        return settings.node in in_force(orders(), datetime.now(UTC))

    if not ordered():
        raise HandOverError(
            f"no order takes {settings.node} out of service: a node that serves keeps its mail"
        )
    with _only_one(files.orders.with_name("hand-over.lock")):
        made = Round(partial(connected, settings=settings), while_allowed(options.seconds, ordered))
        with ThreadPoolExecutor(len(routes)) as workers:
            list(workers.map(partial(_pool, made, options.untried), routes))
    return told(made)


def _pool(made: Round, untried: bool, route: Route) -> None:
    name = f"postfix-{route.pool}"
    instance = Instance(CONFIGURATIONS / name, SPOOLS / name)
    if untried:
        instance.put_back()
    with mail_log(instance, route.pool) as log:
        hand_over(made, route, instance, log)


def parse_route(text: str, settings: Settings) -> Route:
    """`POOL=PEER,PEER/PEER`; ConfigError when the pool or a peer is not in the settings."""
    pool, _, rest = text.partition("=")
    known = settings.pools.get(pool)
    if known is None:
        raise ConfigError(f"--route {text}: there is no pool {pool!r} on {settings.node}")
    tiers = [[name for name in tier.split(",") if name] for tier in rest.split("/")]
    for name in (name for tier in tiers for name in tier):
        if name not in known:
            raise ConfigError(f"--route {text}: {pool} has no peer {name!r}; it has {', '.join(known)}")
    return Route(pool, [[known[name] for name in tier] for tier in tiers if tier])


@contextmanager
def _only_one(file: Path) -> Iterator[None]:
    """A round of a command that was killed meanwhile goes on to its end: wait for that by asking again."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HandOverError("another hand-over of this node is under way") from None
        yield
