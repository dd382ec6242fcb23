"""Router, front and Debian's Postfix together: plans that change, and a router that dies; prints JSON.

python -m tests.delivery.live_play IMAGE WORK      (in namespaces of its own, which end everything)
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.delivery import routing_play
from tests.delivery.routing_play import MAIN, MASTER, ZONES
from tests.roles.plane.play import wait_until
from tests.roles.plane.receiver import Receiver, receiving
from tests.roles.plane.stage import RECEIVER, Stage, stage, start_router

POOL = "transactional"
SOCKET = "/run/mtafleet-front/map.sock"
ADDRESSES = {"one": "198.51.100.21", "two": "198.51.100.22"}
ISPS = ("slow", "quick", "default")
SERVICES = "".join(
    f"{name}-{isp} unix - - n - 5 smtp -o smtp_bind_address={address}\n"
    for isp in ISPS
    for name, address in ADDRESSES.items()
)
STATE = Path("var/lib/mtafleet/delivery")
SETTINGS = {
    "node": "east-1",
    "routes": {
        POOL: {
            isp: [
                {
                    "address": address,
                    "steps": [{"transport": f"{name}-{isp}", "connections": 5, "messages_per_hour": None}],
                }
                for name, address in ADDRESSES.items()
            ]
            for isp in ISPS
        }
    },
    "suffixes": {"slow.example": "slow", "quick.example": "quick"},
    "domains": {},
    "fixed": {},
    "default_isp": "default",
    "resolver": "127.0.0.1",
    "front_socket": SOCKET,
    "router_socket": "/run/mtafleet-router/router.sock",
    "socket_group": "postfix",
    "plan_file": f"/{STATE}/plan.json",
    "events_file": f"/{STATE}/router-events.jsonl",
}


class Live(routing_play.Play):
    """The play with the real router instead of a stub."""

    def __init__(self, here: Stage, receiver: Receiver) -> None:
        self.here, self.receiver = here, receiver

    def told(self, kind: str) -> int:
        file = self.here.root / STATE / "router-events.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return sum(json.loads(one)["kind"] == kind for one in lines)

    def rest(self, *names: str) -> None:
        """A plan in which these addresses rest towards `slow`; returns when the answers follow it."""
        until = time.time() + 3600
        pool = {ADDRESSES[name]: {"slow": {"suspended_until": until}} for name in names}
        draft = self.here.root / STATE / "draft.json"
        draft.write_text(json.dumps({"version": 1, "written_at": time.time(), "pools": {"pool": pool}}))
        draft.rename(self.here.root / STATE / "plan.json")
        allowed = {f"{name}-slow:" for name in ADDRESSES if name not in names}
        wait_until(lambda: self.answers() <= allowed if allowed else "retry:" in next(iter(self.answers())))

    def answers(self) -> set[str]:
        table = f"socketmap:unix:{SOCKET}:{POOL}"
        key = "x@slow.example"
        return {self.here.run("postmap", "-q", key, table).strip() for _ in range(4)}

    def router(self) -> int:
        """The router's id, the front's command line being another."""
        for one in self.here.processes("python3"):
            words = (self.here.root / f"proc/{one}/cmdline").read_bytes().split(b"\0")
            if b"delivery.router" in words and b"router" in words:
                return one
        raise RuntimeError("no router runs")


def moves(play: Live) -> dict[str, Any]:
    """One address rests, then both: mail moves, then waits, and nobody else's does."""
    play.rest("one")
    codes = [play.submit(f"a{number}@slow.example", sender=f"a{number}@shop.example") for number in range(6)]
    moved = [play.arrives(f"a{number}@slow.example") for number in range(6)]
    play.rest("one", "two")
    codes += [play.submit("b@slow.example"), play.submit("b@quick.example")]
    return {
        "codes": codes,
        "moved": moved,
        "waits": play.said("b@slow.example"),
        "others": len(play.arrives("b@quick.example")),
    }


def dies(play: Live) -> dict[str, Any]:
    """Without the router the plan still holds, and mail leaves; queued mail goes when its address is back."""
    os.kill(play.router(), signal.SIGKILL)
    wait_until(lambda: play.told("router_out") >= 1)
    codes = [play.submit("c@slow.example", sender="c@shop.example"), play.submit("c@quick.example")]
    waits = play.said("c@slow.example")
    others = len(play.arrives("c@quick.example"))
    play.rest("one")
    play.flush()
    later = [play.arrives(f"{name}@slow.example") for name in ("b", "c")]
    return {"codes": codes, "waits": waits, "others": others, "later": later}


def scenes(here: Stage, receiver: Receiver) -> dict[str, Any]:
    play = Live(here, receiver)
    here.run("unbound", "-c", "/etc/unbound/play.conf")
    start_router(here)
    wait_until(lambda: play.told("router_in") >= 1)
    here.run("postfix", "start")
    return {one.__name__: one(play) for one in (moves, dies)}


async def play(image: Path, work: Path) -> dict[str, Any]:
    with stage(image, work, b"") as here:
        (here.root / "etc/unbound/play.conf").write_text(ZONES)
        (here.root / "etc/postfix/main.cf").write_text(MAIN)
        (here.root / "etc/postfix/master.cf").write_text(MASTER.replace("/run/play.sock", SOCKET) + SERVICES)
        settings = here.root / "etc/mtafleet/router/settings.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(SETTINGS))
        async with receiving(here.root, RECEIVER) as (receiver, _):
            return await asyncio.to_thread(scenes, here, receiver)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(*(Path(one) for one in sys.argv[1:3])))))
