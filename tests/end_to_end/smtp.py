"""Talks SMTP by hand from inside one of the lab's networks."""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from fleet.ports import SMTPS, SUBMISSION
from lab.api import netns

TIMEOUT_SECONDS = 300.0
CONNECT_TIMEOUT_SECONDS = 1.0
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Login:
    """Credentials for AUTH PLAIN."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


def dialogue(
    network: Path,
    address: IPv4Address,
    port: int,
    commands: Sequence[str],
    *,
    login: Login | None = None,
    secure: bool = True,
) -> list[str]:
    """Connect, greet, secure the session where the port offers it, log in, say `commands`; all replies.

    A reply is `CODE text`. A refused login is the last reply: nothing more is said.
    """
    return netns.opened_in(network, lambda: _talk(str(address), port, commands, login, secure))


def reachable(
    network: Path, address: IPv4Address | str, port: int, timeout_seconds: float = CONNECT_TIMEOUT_SECONDS
) -> bool:
    """Whether a TCP session to a port can be had."""

    def attempt() -> bool:
        try:
            socket.create_connection((str(address), port), timeout_seconds).close()
        except OSError:
            return False
        return True

    return netns.opened_in(network, attempt)


def _talk(address: str, port: int, commands: Sequence[str], login: Login | None, secure: bool) -> list[str]:
    # The senders of test mail verify certificates; what is asked here is what a stranger may do.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        smtplib.SMTP_SSL(address, port, "client.example", timeout=TIMEOUT_SECONDS, context=context)
        if port == SMTPS
        else smtplib.SMTP(address, port, "client.example", timeout=TIMEOUT_SECONDS)
    ) as session:
        session.ehlo()
        if port == SUBMISSION and secure:
            session.starttls(context=context)
            session.ehlo()
        replies = []
        if login is not None:
            try:
                session.login(login.user, login.password)
            except smtplib.SMTPAuthenticationError as refusal:
                return [_text(refusal.smtp_code, refusal.smtp_error)]
        for command in commands:
            replies.append(_text(*session.docmd(command)))
        return replies


def _text(code: int, words: bytes | str) -> str:
    return f"{code} {words.decode() if isinstance(words, bytes) else words}"
