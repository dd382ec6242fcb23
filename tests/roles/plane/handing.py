"""Plays the hand-over of a queue on the stage and prints what happened as JSON.

python -m tests.roles.plane.handing IMAGE WORK BUNDLE      (in namespaces of its own)

The stage has one node. Its transactional instance hands its mail to its marketing instance, as if that were
another node's: it is reached from a peer's address, by the node's name in TLS.
"""

import asyncio
import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from failover.handover.work import SESSIONS_PER_PEER
from failover.orders import render_time
from fleet.handover import hand_over_settings
from fleet.spec.load import load_environment
from fleet.steering import daemon_config
from fleet.topology import Fleet
from tests.roles.plane.play import until_answered, wait_until
from tests.roles.plane.receiver import Receiver, receiving
from tests.roles.plane.stage import RECEIVER, Stage, stage, start

ROLES = ("signer", "auth", "postfix", "front", "router")
INSTANCES = ("transactional", "marketing")
OWN, PEER = "198.51.100.11", "198.51.100.12"
TAKES_PORT = 12026
TLS_NAME = "mx-east-1.fleet.example"
SENDER = "a@shop.example"
COUNT = 12
PACED = 6
TRICKY = "Dots:\n.\n..\n. leading\nümlaut\nlast line without anything after it"


@dataclass(frozen=True)
class Node:
    """The node under maintenance and its helper."""

    here: Stage

    def prepare(self) -> None:
        """A peer's address, and the helper's files as the tree `agent` would have them."""
        subprocess.run(["ip", "address", "add", f"{PEER}/32", "dev", "lo"], check=True)
        for path in ("var/lib/mtafleet/maintenance", "etc/mtafleet/failover"):
            (self.here.root / path).mkdir(parents=True, exist_ok=True)
        fleet = Fleet.of(load_environment("lab"))
        config = self.here.root / "etc/mtafleet/failover/config.json"
        config.write_text(json.dumps(daemon_config(fleet, "east-1")))
        self.settle(TLS_NAME)

    def settle(self, tls_name: str) -> None:
        """Write the settings, with the marketing instance in the place of all peers of `transactional`."""
        fleet = Fleet.of(load_environment("lab"))
        found = hand_over_settings(fleet, "east-1")
        found["source"] = PEER
        found["pools"]["transactional"]["port"] = TAKES_PORT
        for peer in found["pools"]["transactional"]["peers"].values():
            peer |= {"address": OWN, "name": tls_name}
        (self.here.root / "etc/mtafleet/hand-over.json").write_text(json.dumps(found))

    def helper(self, *words: str, path: str = "") -> subprocess.Popen[str]:
        command = ["chroot", str(self.here.root), "python3", "-P", "-m", "failover.maintenance", *words]
        variables = {
            "PATH": f"{path}/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": "/opt/mtafleet/lib",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
        )

    def say(self, *words: str) -> tuple[int, str]:
        """Run the helper; its status, and what it printed on either stream."""
        process = self.helper(*words)
        output, errors = process.communicate(timeout=600)
        return process.returncode, output if process.returncode == 0 else errors

    def hand_over(self, *options: str) -> tuple[int, str]:
        return self.say("hand-over", "--seconds", "300", "--route", "transactional=east-2/west-1", *options)

    def order(self) -> tuple[int, str]:
        now = datetime.now(UTC)
        times = ("--since", render_time(now), "--until", render_time(now + timedelta(hours=1)))
        return self.say("set", "east-1", "--owner", "a test", "--reason", "a test", *times)

    def waiting(self, instance: str, *queues: str) -> int:
        spool = self.here.root / f"var/spool/postfix-{instance}"
        return sum(len(files) for one in queues for _, _, files in os.walk(spool / one))

    def settled(self, instance: str, deferred: int) -> bool:
        return wait_until(
            lambda: (
                self.waiting(instance, "deferred") == deferred
                and self.waiting(instance, "maildrop", "incoming", "active") == 0
            )
        )

    def flush(self, instance: str) -> None:
        self.here.run("postqueue", "-c", f"/etc/postfix-{instance}", "-f")


def letter(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = SENDER, f"number {number}"
    message["List-Unsubscribe"] = "<https://shop.example/u>"
    message.set_content(TRICKY, cte="8bit")
    return message


def logged_in(trust: ssl.SSLContext) -> smtplib.SMTP:
    """A session of the pool's user, through the front door."""

    def attempt() -> smtplib.SMTP:
        session = smtplib.SMTP_SSL("198.51.100.21", 465, "app.test", context=trust)
        session.login("shop-app", "password-of-shop-app")
        return session

    return until_answered(attempt)


def submit_all(trust: ssl.SSLContext) -> None:
    """COUNT messages that wait: the first has a recipient more, who is served; every third is hosted."""
    with logged_in(trust) as session:
        for number in range(COUNT):
            domain = "hosted.example" if number % 3 == 2 else "gmail.com"
            recipients = [f"later{number}@{domain}"] + (["at.once@gmail.com"] if number == 0 else [])
            content = letter(number).as_bytes(policy=SMTP)
            session.sendmail(SENDER, recipients, content, mail_options=["BODY=8BITMIME"])


def ask(source: str, *lines: str) -> list[int]:
    """Codes of the replies of the listener for handed mail, to somebody who comes from `source`."""
    return until_answered(lambda: _dialogue(source, *lines))


def _dialogue(source: str, *lines: str) -> list[int]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((OWN, TAKES_PORT), 60, (source, 0))
    with closing(smtplib.SMTP(local_hostname="peer.test")) as session:
        session.sock = context.wrap_socket(plain)
        codes = [session.getreply()[0], session.ehlo()[0]]
        return [*codes, *(session.docmd(line)[0] for line in lines)]


def who_may(node: Node) -> dict[str, list[int]]:
    """What the listener says to peers and to others."""
    bounce = f"MAIL FROM:<bounce+{'0' * 30}@bounce.shop.example>"
    recipient = "RCPT TO:<x@gmail.com>"
    return {
        "peer": ask(PEER, bounce, recipient),
        "no_peer": ask(OWN, bounce, recipient),
        "application_host": ask("192.0.2.71", bounce, recipient),
        "unsigned": ask(PEER, f"MAIL FROM:<{SENDER}>", recipient),
        "null_sender": ask(PEER, "MAIL FROM:<>", recipient),
        "login": ask(PEER, "AUTH PLAIN AHNob3AtYXBwAHBhc3N3b3JkLW9mLXNob3AtYXBw"),
    }


def killed_at_the_worst_moment(node: Node) -> dict[str, Any]:
    """SIGKILL between the peer's 250 and the deletion; the queue manager tries everything meanwhile."""
    trap = node.here.root / "trap"
    trap.mkdir()
    (trap / "postsuper").write_text("#!/bin/sh\n: >/trap/sprung.$$\nexec sleep 600\n")
    (trap / "postsuper").chmod(0o755)
    words = ("hand-over", "--seconds", "300", "--route", "transactional=east-2")
    process = node.helper(*words, path="/trap:")
    sprung = wait_until(lambda: len(list(trap.glob("sprung.*"))) == SESSIONS_PER_PEER)
    second = node.hand_over()
    node.flush("transactional")
    skipped = wait_until(lambda: "still being delivered" in node.here.log("postfix-transactional.log"))
    taken = wait_until(lambda: node.waiting("marketing", "deferred") == SESSIONS_PER_PEER)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    node.flush("transactional")
    again = node.settled("transactional", COUNT)
    return {
        "sprung": sprung,
        "second": second,
        "skipped": skipped,
        "taken": taken,
        "again": again,
    }


def paced(node: Node, trust: ssl.SSLContext) -> dict[str, Any]:
    """Mail that waits for its first attempt: all but the first through each slow transport."""
    slow = [f"transactional-{ordinal}-google_transport_rate_delay=600s" for ordinal in (1, 2)]
    node.here.run("postconf", "-c", "/etc/postfix-transactional", "-e", *slow)
    node.here.run("postfix", "-c", "/etc/postfix-transactional", "reload")
    with logged_in(trust) as session:
        for number in range(PACED):
            content = letter(COUNT + number).as_bytes(policy=SMTP)
            session.sendmail(SENDER, [f"paced{number}@gmail.com"], content, mail_options=["BODY=8BITMIME"])
    waits = wait_until(
        lambda: node.waiting("transactional", "active") > 0 == node.waiting("transactional", "incoming")
    )
    tried_only = node.hand_over()
    untried = node.hand_over("--untried")
    left = ("maildrop", "incoming", "active", "deferred", "hold")
    empty = wait_until(lambda: node.waiting("transactional", *left) == 0)
    return {"waits": waits, "tried_only": tried_only, "untried": untried, "empty": empty}


def scenes(node: Node, receiver: Receiver, trust: ssl.SSLContext) -> dict[str, Any]:
    receiver.deferring = True
    wait_until(lambda: node.here.server_status("pool_transactional_smtps", "east-1") == "UP")
    submit_all(trust)
    found: dict[str, Any] = {"deferred": node.settled("transactional", COUNT)}
    found["at_once"] = [one.sender for one in receiver.received]
    found["not_drained"] = node.hand_over()
    node.order()
    found["may"] = who_may(node)
    node.settle("mx-east-2.fleet.example")
    found["other_name"] = node.hand_over()
    found["still"] = node.waiting("transactional", "deferred")
    node.settle(TLS_NAME)
    found["killed"] = killed_at_the_worst_moment(node)
    found["handed"] = node.hand_over()
    found["left"] = node.waiting("transactional", "maildrop", "incoming", "active", "deferred", "hold")
    found["paced"] = paced(node, trust)
    receiver.deferring = False
    node.flush("marketing")
    found["empty"] = node.settled("marketing", 0)
    found["received"] = [vars(one) | {"content": one.content.decode("latin-1")} for one in receiver.received]
    found["logs"] = {name: node.here.log(f"postfix-{name}.log") for name in ("transactional", "marketing")}
    return found


async def play(image: Path, work: Path, bundle: bytes) -> dict[str, Any]:
    with stage(image, work, bundle) as here:
        for role in ROLES:
            here.apply(role)
        node = Node(here)
        node.prepare()
        start(here, INSTANCES)
        async with receiving(here.root, RECEIVER) as (receiver, trust):
            return await asyncio.to_thread(scenes, node, receiver, trust)


if __name__ == "__main__":
    image, work, bundle = (Path(one) for one in sys.argv[1:4])
    print(json.dumps(asyncio.run(play(image, work, bundle.read_bytes()))))
