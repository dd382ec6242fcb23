"""Debian's own HAProxy and Knot under the daemon's two actuators; prints what happened as JSON.

Run as `python -m tests.failover.stage IMAGE WORK` in namespaces of its own (network, mounts, processes):
everything it starts ends with it.
"""

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import failover.haproxy
import failover.nameserver
from failover.config import Pool, Primary, TsigKey
from failover.decide import GroupKey, Plan, Standing
from failover.errors import HaproxyError, ZoneConflict, ZoneError
from failover.haproxy import Order, RuntimeSocket, ServerKey, give_orders, plan_orders, read_states
from failover.nameserver import NameServer
from failover.weights import plan_weights
from failover.zone import Answer, Fence, RecordChange

ZONE = "submit.fleet.example"
NAME = f"orders.{ZONE}"
KEY = TsigKey("mtafleet", "hmac-sha256", base64.b64encode(b"k" * 32).decode())
NO_FENCE = Fence(None, None)
WRONG_KEY = TsigKey("mtafleet", "hmac-sha256", base64.b64encode(b"w" * 32).decode())
BACKENDS = {"east-1": "127.0.1.1", "west-1": "127.0.1.2"}
FRONT = ("127.0.2.1", 2587)
PATIENCE_SECONDS = 30.0

HAPROXY = f"""
global
  stats socket /mnt/admin.sock level admin
defaults
  mode tcp
  timeout connect 30s
  timeout client 30s
  timeout server 30s
  option redispatch 1
frontend front
  bind {FRONT[0]}:{FRONT[1]}
  default_backend orders
backend orders
  server east-1 127.0.1.1:25 weight 256 check inter 1s
  server west-1 127.0.1.2:25 weight 1 check inter 1s
"""

KNOT = f"""server:
  listen: 127.0.3.1@53
  rundir: /mnt
database:
  storage: /mnt
log:
  - target: stderr
    any: warning
key:
  - id: mtafleet
    algorithm: hmac-sha256
    secret: {KEY.secret}
acl:
  - id: updates
    key: mtafleet
    action: update
    update-type: [ A, TXT ]
    update-owner: name
    update-owner-match: equal
    update-owner-name: [ {NAME}., _epoch.{ZONE}. ]
zone:
  - domain: {ZONE}
    file: /mnt/zone
    acl: updates
"""

ZONE_FILE = (
    f"{ZONE}. 5 SOA ns.fleet.example. h.fleet.example. 1 60 60 600 5\n{ZONE}. 5 NS ns.fleet.example.\n"
)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def build_stage(image: str, work: Path) -> None:
    """The image with `work` at /mnt, addresses on loopback."""
    (work / "haproxy.cfg").write_text(HAPROXY)
    (work / "knot.conf").write_text(KNOT)
    (work / "zone").write_text(ZONE_FILE)
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    run("mount", "--bind", image, image)
    run("mount", "--bind", str(work), f"{image}/mnt")


def start_programs(image: str, work: Path) -> None:
    """HAProxy, whose first checks find the backends, and Knot."""
    run("chroot", image, "/usr/sbin/haproxy", "-D", "-f", "/mnt/haproxy.cfg")
    with (work / "knot.log").open("w") as log:
        subprocess.Popen(["chroot", image, "/usr/sbin/knotd", "-c", "/mnt/knot.conf"], stderr=log)


class Backends:
    """Two SMTP servers that say who they are."""

    async def start(self) -> None:
        self._servers = [
            await asyncio.start_server(self._greeter(name), address, 25) for name, address in BACKENDS.items()
        ]

    @staticmethod
    def _greeter(name: str) -> Any:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"220 {name}\r\n".encode())
            while await reader.readline():
                writer.write(f"250 {name}\r\n".encode())
            writer.close()

        return greet


class Session:
    """A client's session through the front door."""

    async def begin(self) -> str:
        """The banner: who serves this session."""
        self._reader, self._writer = await asyncio.open_connection(*FRONT)
        return (await self._reader.readline()).decode().split()[1]

    async def ask(self) -> str:
        """One command on the living session: who answers."""
        self._writer.write(b"NOOP\r\n")
        return (await self._reader.readline()).decode().split()[1]

    def end(self) -> None:
        self._writer.close()


async def who_serves(times: int = 6) -> list[str]:
    found = set()
    for _ in range(times):
        session = Session()
        found.add(await session.begin())
        session.end()
    return sorted(found)


async def steer_haproxy(work: Path) -> dict[str, Any]:
    talk = RuntimeSocket(work / "admin.sock")
    east, west = ServerKey("orders", "east-1"), ServerKey("orders", "west-1")
    told: dict[str, Any] = {
        "weights": {key.server: one.weight for key, one in (await read_states(talk)).items()}
    }
    living = Session()
    while await living.begin() != "east-1":
        living.end()
    await give_orders(talk, plan_orders({east: False, west: True}, await read_states(talk)))
    told["drained"] = (await read_states(talk))[east].drained
    told["new sessions while drained"] = await who_serves()
    told["living session while drained"] = await living.ask()
    told["orders when all is so already"] = len(plan_orders({east: False}, await read_states(talk)))
    await give_orders(talk, plan_orders({east: True, west: True}, await read_states(talk)))
    told["weights while coming back"] = [await steer_weight(talk, percent) for percent in (10, 50, 100)]
    told["new sessions when ready"] = "east-1" in await who_serves(20)
    await talk("set server orders/west-1 state maint")
    told["orders against maintenance"] = [
        len(plan_orders({west: wanted}, await read_states(talk))) for wanted in (True, False)
    ]
    try:
        await give_orders(talk, [Order(ServerKey("orders", "nobody"), False)])
    except HaproxyError as error:
        told["unknown server"] = str(error)
    living.end()
    return told


async def steer_weight(talk: RuntimeSocket, percent: int) -> list[int]:
    """The weights after both servers were ordered to have `percent` of what they are configured with."""
    standing = Standing(weight_percent=percent)
    plan: Plan = {GroupKey("relay", "orders"): {"east-1": standing, "west-1": standing}}
    pools = {"orders": Pool(("orders",), {}, 587)}
    await give_orders(talk, plan_weights(plan, pools, await read_states(talk)))
    return [one.weight for _, one in sorted((await read_states(talk)).items())]


async def ready(server: NameServer) -> int:
    """The serial, as soon as Knot answers."""
    for _ in range(400):
        try:
            return await server.serial()
        except ZoneError:
            await asyncio.sleep(0.25)
    raise AssertionError("Knot never answered")


async def steer_knot() -> dict[str, Any]:
    primary = Primary("ns-east", "127.0.3.1", 53)
    server = NameServer(primary, ZONE, KEY)
    told: dict[str, Any] = {"first serial": await ready(server)}
    both = Answer(frozenset({"192.0.2.1", "192.0.2.2"}), 5)
    one = Answer(frozenset({"192.0.2.1"}), 5)
    empty = (await server.view([NAME])).answers[NAME]
    await server.update([RecordChange(NAME, empty, both)], NO_FENCE)
    view = await server.view([NAME])
    told["after the first update"] = [sorted(view.answers[NAME].addresses), view.answers[NAME].ttl_seconds]
    told["stale writer"] = await refused(server, RecordChange(NAME, empty, one))
    told["wrong key"] = await refused(NameServer(primary, ZONE, WRONG_KEY), RecordChange(NAME, both, one))
    told["no key"] = await refused(NameServer(primary, ZONE), RecordChange(NAME, both, one))
    told["other zone"] = await refused(
        NameServer(primary, "else.example", KEY), RecordChange("a.else.example", empty, one)
    )
    told["after refusals"] = sorted((await server.view([NAME])).answers[NAME].addresses)
    told |= await race(primary)
    return told | await raise_epochs(server)


async def raise_epochs(server: NameServer) -> dict[str, Any]:
    """A holder of the lease, its successor, and what the first one still sends."""
    view = await server.view([NAME])
    before, one = view.answers[NAME], Answer(frozenset({"192.0.2.1"}), 5)
    told: dict[str, Any] = {"epoch at first": view.epoch}
    await server.update([], Fence(None, 7))
    await server.update([], Fence(7, 9))
    told["epoch of the successor"] = (await server.view([NAME])).epoch
    late = RecordChange(NAME, before, one)
    told["late updates"] = [await refused(server, late, fence) for fence in (Fence(7, 7), Fence(None, 7))]
    told["answers after late updates"] = (await server.view([NAME])).answers[NAME] == before
    told["successor"] = await refused(server, late, Fence(9, 9))
    foreign = RecordChange(f"other.{ZONE}", Answer(), one)
    told["a name that is not steered"] = await refused(server, foreign, Fence(9, 9))
    told["serials rose"] = (await server.serial()) - view.serial
    return told


async def refused(server: NameServer, change: RecordChange, fence: Fence = NO_FENCE) -> str:
    try:
        await server.update([change], fence)
    except ZoneConflict:
        return "conflict"
    except ZoneError:
        return "refused"
    return "taken"


async def race(primary: Primary) -> dict[str, Any]:
    """Two writers, each adding its own addresses one by one to whatever it last saw."""
    before = await NameServer(primary, ZONE, KEY).serial()
    conflicts = await asyncio.gather(*(add_addresses(primary, network) for network in (10, 20)))
    server = NameServer(primary, ZONE, KEY)
    view = await server.view([NAME])
    return {
        "addresses after the race": len(view.answers[NAME].addresses),
        "serials spent": view.serial - before,
        "conflicts": sum(conflicts),
    }


async def add_addresses(primary: Primary, network: int) -> int:
    server = NameServer(primary, ZONE, KEY)
    conflicts = 0
    for number in range(10):
        while True:
            before = (await server.view([NAME])).answers[NAME]
            after = Answer(before.addresses | {f"198.51.100.{network + number}"}, 5)
            try:
                await server.update([RecordChange(NAME, before, after)], NO_FENCE)
                break
            except ZoneConflict:
                conflicts += 1
    return conflicts


async def main(image: str, work: Path) -> None:
    backends = Backends()
    await backends.start()
    await asyncio.to_thread(start_programs, image, work)
    print(json.dumps({"haproxy": await steer_haproxy(work), "knot": await steer_knot()}))


if __name__ == "__main__":
    # What counts here is what is answered, not how soon: the computer may be busy.
    failover.haproxy.SOCKET_TIMEOUT_SECONDS = failover.nameserver.TIMEOUT_SECONDS = PATIENCE_SECONDS
    build_stage(sys.argv[1], Path(sys.argv[2]))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
