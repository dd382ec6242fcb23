"""Plays the scenes on the stage and prints what happened as JSON.

python -m tests.roles.plane.play IMAGE WORK BUNDLE      (in namespaces of its own)
"""

import asyncio
import json
import os
import signal
import smtplib
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

from tests.roles.plane import canary, views
from tests.roles.plane.receiver import Receiver, receiving
from tests.roles.plane.stage import RECEIVER, Stage, stage, start

ROLES = ("signer", "auth", "postfix", "inbound", "front", "router")
INSTANCES = ("transactional", "marketing", "notification", "inbound")
STRANGERS_RECIPIENTS = [
    f"RCPT TO:<bounce+{'0' * 30}@bounce.shop.example>",
    "RCPT TO:<abuse@fleet.example>",
    "RCPT TO:<x@gmail.com>",
    "RCPT TO:<a@shop.example>",
    "RCPT TO:<bounce@bounce.shop.example>",
    "RCPT TO:<nobody@fleet.example>",
]
WAIT_SECONDS = 300.0
T = TypeVar("T")


def letter(sender: str, recipient: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, "a test"
    message["List-Unsubscribe"] = "<https://shop.example/u>"
    message.set_content("Hello.\n" * 20)
    return message.as_bytes()


def submit(trust: ssl.SSLContext, port: int, user: str, password: str, mail: tuple[str, str, str]) -> str:
    """Submit one message: envelope sender, From header, recipient. Returns `250` or the refusing code."""
    return until_answered(lambda: _submit(trust, port, user, password, mail))


def _submit(trust: ssl.SSLContext, port: int, user: str, password: str, mail: tuple[str, str, str]) -> str:
    envelope, header, recipient = mail
    try:
        if port == 465:
            session: smtplib.SMTP = smtplib.SMTP_SSL("198.51.100.21", 465, "app.test", context=trust)
        else:
            session = smtplib.SMTP("198.51.100.21", 587, "app.test")
            session.starttls(context=trust)
        with session:
            if user:
                session.login(user, password)
            session.sendmail(envelope, [recipient], letter(header, recipient))
    except smtplib.SMTPRecipientsRefused as refused:
        return str(next(iter(refused.recipients.values()))[0])
    except smtplib.SMTPResponseException as refused:
        return str(refused.smtp_code)
    return "250"


def talk(address: str, port: int, *lines: str) -> list[int]:
    """Codes of the replies to plain SMTP commands after EHLO."""

    def dialogue() -> list[int]:
        with smtplib.SMTP(address, port, "peer.test") as session:
            session.ehlo()
            return [session.docmd(line)[0] for line in lines]

    return until_answered(dialogue)


def until_answered(attempt: Callable[[], T]) -> T:
    """Try again while nobody answers: programs start, and a busy computer makes HAProxy doubt them."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def wait_until(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def scenes(here: Stage, receiver: Receiver, trust: ssl.SSLContext) -> dict[str, Any]:
    """Everything a client, a peer or a stranger may try."""
    own, app = "a@shop.example", ("shop-app", "password-of-shop-app")
    tries = {
        "smtps": (465, *app, (own, own, "one@gmail.com")),
        "submission": (587, *app, (own, f"Shop <{own}>", "two@gmail.com")),
        "forged_header": (465, *app, (own, "a@news.example", "x@gmail.com")),
        "forged_envelope": (465, *app, ("a@news.example", own, "x@gmail.com")),
        "null_sender": (465, *app, ("", own, "x@gmail.com")),
        "no_login": (465, "", "", (own, own, "x@gmail.com")),
        "other_pools_user": (465, "newsletter", "password-of-newsletter", (own, own, "x@gmail.com")),
        "wrong_password": (465, "shop-app", "password-of-newsletter", (own, own, "x@gmail.com")),
        "bounced": (465, *app, (own, own, "nobody@gmail.com")),
    }
    found: dict[str, Any] = {"codes": {name: submit(trust, *one) for name, one in tries.items()}}
    found["inbound"] = talk("198.51.100.11", 25, "MAIL FROM:<a@gmail.com>", *STRANGERS_RECIPIENTS)
    found["probe"] = talk("198.51.100.11", 11025, *["NOOP"] * 200, "MAIL FROM:<>", "RCPT TO:<x@gmail.com>")
    found["arrived"] = wait_until(lambda: len(receiver.received) >= 2)
    maildir = here.root / "var/lib/mtafleet/inbound/bounce.shop.example/bounce/new"
    found["bounce_filed"] = wait_until(lambda: maildir.is_dir() and any(maildir.iterdir()))
    found["bounce"] = next(maildir.iterdir()).read_text() if found["bounce_filed"] else ""
    found["received"] = [vars(one) | {"content": one.content.decode("latin-1")} for one in receiver.received]
    return found


def send(processes: list[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # servers come and go
            os.kill(process, number)


def hang(here: Stage, trust: ssl.SSLContext) -> dict[str, Any]:
    """Postfix stops for as long as it takes to be noticed, then goes on with what has piled up."""
    stopped = here.processes("master", "smtpd")
    send(stopped, signal.SIGSTOP)
    noticed = wait_until(lambda: here.server_status("pool_transactional_smtps", "east-1").startswith("DOWN"))
    send(stopped, signal.SIGCONT)
    back = wait_until(lambda: here.server_status("pool_transactional_smtps", "east-1") == "UP")
    one = (465, "shop-app", "password-of-shop-app", ("a@shop.example", "a@shop.example", "late@gmail.com"))
    return {"stopped": len(stopped), "noticed": noticed, "back": back, "code": submit(trust, *one)}


async def play(image: Path, work: Path, bundle: bytes) -> dict[str, Any]:
    with stage(image, work, bundle) as here:
        found: dict[str, Any] = {"before": {role: here.apply(role, "--check") for role in ROLES}}
        found["first"] = {role: here.apply(role) for role in ROLES}
        found["second"] = {role: here.apply(role) for role in ROLES}
        start(here, INSTANCES)
        async with receiving(here.root, RECEIVER) as (receiver, trust):
            found |= await asyncio.to_thread(scenes, here, receiver, trust)
            found["canaries"] = await canary.scene(here)
            found["hang"] = await asyncio.to_thread(hang, here, trust)
            found["views"] = await asyncio.to_thread(views.scene, here)
        found["log"] = here.log("postfix-transactional.log")
        return found


if __name__ == "__main__":
    image, work, bundle = (Path(one) for one in sys.argv[1:4])
    print(json.dumps(asyncio.run(play(image, work, bundle.read_bytes()))))
