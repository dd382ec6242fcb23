"""What Postfix does with a live transport map of the queue manager's own; prints what happened as JSON.

python -m tests.delivery.routing_play IMAGE WORK      (in namespaces of its own, which end everything)

One hand-made instance: its queue manager asks a socketmap, everybody else a static map.
"""

import asyncio
import json
import re
import smtplib
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.delivery.socketmap_stub import SocketmapStub
from tests.roles.plane.play import until_answered, wait_until
from tests.roles.plane.receiver import Receiver, receiving
from tests.roles.plane.stage import RECEIVER, Stage, stage

ZONES = """\
server:
  interface: 127.0.0.1
  do-daemonize: yes
  username: ""
  chroot: ""
  module-config: "iterator"
  local-zone: "." static
  local-data: "slow.example. MX 10 mx.slow.example."
  local-data: "mx.slow.example. A 198.18.0.25"
  local-data: "quick.example. MX 10 mx.quick.example."
  local-data: "mx.quick.example. A 198.18.0.25"
"""
MAIN = """\
compatibility_level = 3.10
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
maillog_file = /var/log/play.log
myhostname = play.example
inet_protocols = ipv4
inet_interfaces = 198.51.100.11
mydestination =
mynetworks = 198.51.100.0/24
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
default_database_type = texthash
smtp_bind_address_enforce = yes
smtp_tls_security_level = none
default_transport = error:5.3.5 no route
transport_maps = inline:{slow.example=two:, quick.example=two:}
minimal_backoff_time = 100000s
maximal_backoff_time = 100000s
queue_run_delay = 100000s
service_throttle_time = 1s
paced_transport_rate_delay = 100000s
"""
MASTER = """\
198.51.100.11:2525 inet n - n - 20 smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
    -o rewrite_service_name=live
proxymap  unix  - - n - - proxymap
rewrite   unix  - - n - - trivial-rewrite
live      unix  - - n - - trivial-rewrite
    -o transport_maps=socketmap:unix:/run/play.sock:transactional
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
error     unix  - - n - - error
retry     unix  - - n - - error
showq     unix  n - n - - showq
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
one       unix  - - n - 5 smtp -o smtp_bind_address=198.51.100.21
two       unix  - - n - 5 smtp -o smtp_bind_address=198.51.100.22
paced     unix  - - n - 5 smtp -o smtp_bind_address=198.51.100.21
"""
NOT_YET = "OK retry:4.7.0 not yet: resting"
ACTIVE_LIMIT = 8


class Play:
    def __init__(self, here: Stage, receiver: Receiver) -> None:
        self.here, self.receiver = here, receiver
        self.route = dict[str, str]()
        """Domain -> answer of the live map."""
        self.gate = threading.Event()
        self.gate.set()
        self.map = self.new_map()

    def new_map(self) -> SocketmapStub:
        return SocketmapStub(self.here.root / "run/play.sock", self.answer)

    def answer(self, key: str) -> str:
        if key.startswith("held"):
            self.gate.wait()
        return self.route[key.partition("@")[2]]

    def submit(self, *recipients: str, sender: str = "a@shop.example") -> str:
        """The reply's code."""

        def attempt() -> str:
            with smtplib.SMTP("198.51.100.11", 2525, "app.test") as session:
                try:
                    refused = session.sendmail(sender, recipients, "Subject: x\r\n\r\nx\r\n")
                except smtplib.SMTPRecipientsRefused as error:
                    refused = error.recipients
                return str(refused or 250)

        return until_answered(attempt)

    def came(self, recipient: str) -> list[str]:
        """The addresses from which the recipient's mail has arrived."""
        return [one.client for one in self.receiver.received if recipient in one.recipients]

    def arrives(self, recipient: str, times: int = 1) -> list[str]:
        wait_until(lambda: len(self.came(recipient)) >= times)
        return self.came(recipient)

    def said(self, recipient: str, times: int = 1) -> list[str]:
        """The log's lines on the recipient: relay, status code and text."""
        pattern = re.compile(rf"to=<{re.escape(recipient)}>,.*? relay=([^,]+),.* dsn=([^,]+), status=(.+)")

        def found() -> list[str]:
            return [" ".join(one.groups()) for one in pattern.finditer(self.log())]

        wait_until(lambda: len(found()) >= times)
        return found()

    def log(self) -> str:
        return (self.here.root / "var/log/play.log").read_text()

    def flush(self) -> None:
        self.here.run("postqueue", "-f")

    def waiting(self, queue: str) -> int:
        return sum(1 for one in (self.here.root / "var/spool/postfix" / queue).rglob("*") if one.is_file())


def chooses(play: Play) -> dict[str, Any]:
    play.route = {"slow.example": "OK one:", "quick.example": "OK two:"}
    code = play.submit("first@slow.example", "first@quick.example")
    return {
        "code": code,
        "slow": play.arrives("first@slow.example"),
        "quick": play.arrives("first@quick.example"),
        "said": play.said("first@slow.example"),
        "asked": sorted(play.map.asked),
    }


def not_yet(play: Play) -> dict[str, Any]:
    """One provider rests: submissions and the other's mail go on; at the next try the map is asked again."""
    play.route["slow.example"] = NOT_YET
    codes = [play.submit(f"rest{number}@slow.example") for number in range(5)]
    codes.append(play.submit("rest@quick.example"))
    quick = play.arrives("rest@quick.example")
    said = [play.said(f"rest{number}@slow.example") for number in range(5)]
    play.route["slow.example"] = "OK two:"
    play.flush()
    later = [play.arrives(f"rest{number}@slow.example") for number in range(5)]
    return {"codes": codes, "quick": quick, "said": said, "later": later}


def dead(play: Play) -> dict[str, Any]:
    """Nobody answers the queue manager: mail is taken over all the same, waits, and leaves later."""
    play.map.close()
    code = play.submit("dead@quick.example")
    said = play.said("dead@quick.example")
    play.map = play.new_map()
    # The queue manager remembers its last answer for 30 s, a failure too: another question makes it forget.
    play.submit("alive@quick.example")
    alive = play.arrives("alive@quick.example")
    play.flush()
    return {"code": code, "said": said, "alive": alive, "later": play.arrives("dead@quick.example")}


def slow(play: Play) -> dict[str, Any]:
    """One answer is late: the queue manager waits with everything else; submissions do not."""
    play.gate.clear()
    codes = [play.submit("held@slow.example")]
    wait_until(lambda: "held@slow.example" in play.map.asked)
    codes.append(play.submit("behind@quick.example"))
    time.sleep(1.0)  # were the queue manager not waiting, it would ask now
    asked_meanwhile = "behind@quick.example" in play.map.asked
    play.gate.set()
    return {
        "codes": codes,
        "asked_meanwhile": asked_meanwhile,
        "later": [play.arrives("held@slow.example"), play.arrives("behind@quick.example")],
    }


def repeated(play: Play) -> dict[str, Any]:
    """The same recipient twice: with the same sender the answer is remembered, with another it is not."""
    play.route["slow.example"] = "OK one:"
    play.submit("twice@slow.example")
    play.arrives("twice@slow.example")
    play.route["slow.example"] = "OK two:"
    play.submit("twice@slow.example")
    same = play.arrives("twice@slow.example", 2)
    play.submit("twice@slow.example", sender="b@shop.example")
    return {
        "same_sender": same,
        "other_sender": play.arrives("twice@slow.example", 3)[2:],
        "asked": play.map.asked.count("twice@slow.example"),
    }


def crowded(play: Play) -> dict[str, Any]:
    """A paced transport fills the active queue; a reload asks for all of it anew."""
    play.here.run("postconf", "-e", f"qmgr_message_active_limit={ACTIVE_LIMIT}")
    play.here.run("postfix", "reload")
    play.route["slow.example"] = "OK paced:"
    codes = [play.submit(f"pace{number}@slow.example") for number in range(2 * ACTIVE_LIMIT)]
    full = wait_until(lambda: play.waiting("active") == ACTIVE_LIMIT)
    codes.append(play.submit("crowd@quick.example"))
    time.sleep(1.0)  # were there room, it would be asked for now
    asked_meanwhile = "crowd@quick.example" in play.map.asked
    play.route["slow.example"] = NOT_YET
    play.here.run("postfix", "reload")
    quick = play.arrives("crowd@quick.example")
    return {
        "codes": codes,
        "full": full,
        "asked_meanwhile": asked_meanwhile,
        "quick": quick,
    }


def scenes(here: Stage, receiver: Receiver) -> dict[str, Any]:
    play = Play(here, receiver)
    here.run("unbound", "-c", "/etc/unbound/play.conf")
    here.run("postfix", "start")
    found = {one.__name__: one(play) for one in (chooses, not_yet, dead, slow, repeated, crowded)}
    return found | {"wildcards": play.map.wildcards, "log": play.log()}


async def play(image: Path, work: Path) -> dict[str, Any]:
    with stage(image, work, b"") as here:
        (here.root / "etc/unbound/play.conf").write_text(ZONES)
        (here.root / "etc/postfix/main.cf").write_text(MAIN)
        (here.root / "etc/postfix/master.cf").write_text(MASTER)
        async with receiving(here.root, RECEIVER) as (receiver, _):
            return await asyncio.to_thread(scenes, here, receiver)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(*(Path(one) for one in sys.argv[1:3])))))
