"""An SMTP session to a peer: TLS from the first byte, its certificate must prove the peer's name."""

import re
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from failover.handover.errors import PeerError, Unfit
from failover.handover.queue import Envelope
from failover.handover.settings import Peer, Settings
from failover.trust import trust

TIMEOUT_SECONDS = 30.0
_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_SERVER_TROUBLE = (421, 431, 451, 452)
"""Replies that speak of the peer, not of the message."""


class Session:
    """An open session; made by `connected`."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp

    def send(self, envelope: Envelope, content: bytes) -> str:
        """Hand over one message to all its recipients; returns the text of the peer's 250.

        Unfit when the peer refuses this message, or one of its recipients: it has taken nothing then.
        """
        try:
            return self._send(envelope, content)
        except (OSError, smtplib.SMTPException) as error:
            raise PeerError(f"the session broke off: {error}") from None

    def _send(self, envelope: Envelope, content: bytes) -> str:
        options = "".join(
            [
                " BODY=8BITMIME" if not content.isascii() and self._smtp.has_extn("8bitmime") else "",
                " SMTPUTF8" if envelope.utf8 else "",
            ]
        )
        self._smtp.command_encoding = "utf-8" if envelope.utf8 else "ascii"
        try:
            self._say(f"MAIL FROM:<{quoted(envelope.sender)}>{options}")
            for recipient in envelope.recipients:
                self._say(f"RCPT TO:<{quoted(recipient)}>")
            code, text = self._smtp.data(crlf_lines(content))
        except ValueError as error:  # not ASCII without SMTPUTF8, or a line break in an address
            self._smtp.rset()
            raise Unfit(f"has an address that cannot be said in SMTP: {error}") from None
        except smtplib.SMTPDataError as error:  # no 354
            self._smtp.rset()
            raise _refused("DATA", error.smtp_code, _bytes(error.smtp_error)) from None
        if code != 250:
            raise _refused("end of DATA", code, text)
        return text.decode(errors="replace")

    def _say(self, line: str) -> None:
        code, text = self._smtp.docmd(line)
        if code // 100 != 2:
            self._smtp.rset()
            raise _refused(line.partition(":")[0], code, text)


@contextmanager
def connected(peer: Peer, settings: Settings) -> Iterator[Session]:
    """A session to `peer`; PeerError when it cannot be had."""
    smtp = smtplib.SMTP(local_hostname=settings.node, timeout=TIMEOUT_SECONDS)
    try:
        _open(smtp, peer, settings)
    except (OSError, smtplib.SMTPException) as error:  # ssl's errors are OSErrors
        smtp.close()
        raise PeerError(str(error) or type(error).__name__) from None
    except BaseException:
        smtp.close()
        raise
    try:
        yield Session(smtp)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()


def _open(smtp: smtplib.SMTP, peer: Peer, settings: Settings) -> None:
    context = trust(settings.chain_file)
    plain = socket.create_connection((peer.address, peer.port), TIMEOUT_SECONDS, (settings.source, 0))
    try:
        smtp.sock = context.wrap_socket(plain, server_hostname=peer.name)
    except BaseException:
        plain.close()
        raise
    code, text = smtp.getreply()
    if code == 220:
        code, text = smtp.ehlo()
    if code // 100 != 2:
        raise PeerError(f"{code} {text.decode(errors='replace')}")


def quoted(address: str) -> str:
    """An address in its form on the wire: queue files hold local parts without their quotes."""
    local, at, domain = address.rpartition("@")
    if not at or _ATOM.fullmatch(local):
        return address
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + f'"@{domain}'


def crlf_lines(content: bytes) -> bytes:
    """Queue files end their lines with LF."""
    return content.replace(b"\n", b"\r\n")


def _refused(command: str, code: int, text: bytes) -> PeerError | Unfit:
    said = f"{command}: {code} {text.decode(errors='replace')}"
    of_the_peer = code in _SERVER_TROUBLE or (command == "MAIL FROM" and code < 500)
    return PeerError(said) if of_the_peer else Unfit(said)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
