"""What a line says after its tag: one function for each of Postfix's programs.

Each takes (when, by whom, process, text) and returns None for what it does not know. Texts are cut at
marks that Postfix itself writes; whatever receivers and clients may have put into a line stands behind
the last of them.
"""

from collections.abc import Callable

from delivery.logs.events import (
    Accepted,
    Event,
    Expired,
    MessageId,
    Noted,
    Notified,
    Origin,
    Queued,
    Rejected,
    Removed,
    Session,
    Trouble,
)
from delivery.logs.marks import SEVERITIES, queue_id_length
from delivery.logs.outgoing import agent, tls

Reader = Callable[[float, Origin, str, str], Event | None]


def qmgr(at: float, origin: Origin, process: str, text: str) -> Event | None:
    end = queue_id_length(text)
    if not end:
        return None
    queue_id = text[:end]
    if text.endswith(": removed"):
        return Removed(at, origin, process, queue_id)
    if not text.startswith("from=<", end + 2):
        return Noted(at, origin, process, queue_id, text[end + 2 :]) if "skipped" in text else None
    sender, found, rest = text[end + 8 :].rpartition(">, size=")
    size, _comma, recipients = rest.partition(", nrcpt=")
    recipients = recipients.partition(" ")[0]
    if found and size.isdecimal() and recipients.isdecimal():
        return Queued(at, origin, process, queue_id, sender, int(size), int(recipients))
    sender, found, rest = text[end + 8 :].rpartition(">, status=")
    return Expired(at, origin, process, queue_id, sender) if found and "expired" in rest else None


_CLEANUP_NOTES = (
    "resent-message-id=",
    "info: ",
    "replace: ",
    "prepend: ",
    "warning: ",
    "hold: ",
    "filter: ",
    "redirect: ",
    "strip: ",
    "ignore: ",
    "delay: ",
    "milter triggers",
    "to=<",
)

_ENDS = (
    ("lost connection", "lost connection after "),
    ("timeout", "timeout after "),
    ("too many errors", "too many errors after "),
    ("hangup", "hangup after "),
)

_REFUSALS = ("reject: ", "milter-reject: ", "reject_warning: ", "discard: ", "hold: ", "proxy-reject: ")

_PASSAGES = (
    "filter: ",
    "redirect: ",
    "warn: ",
    "info: ",
    "permit: ",
    "proxy-accept: ",
    "client=",
    "bcc: ",
    "prepend: ",
    "delay: ",
)

_SESSION_NOTES = (
    "improper command pipelining",
    "Anonymous TLS connection closed",
    "idle timeout",
    "proxy-accept",
    "statistics: ",
)


def cleanup(at: float, origin: Origin, process: str, text: str) -> Event | None:
    end = queue_id_length(text)
    if not end:
        return None
    rest = text[end + 2 :]
    if rest == "removed (canceled)":
        return Removed(at, origin, process, text[:end])
    if rest.startswith("message-id="):
        return MessageId(at, origin, process, text[:end], rest[11:].removeprefix("<").removesuffix(">"))
    if rest.startswith(("milter-reject: ", "reject: ", "milter-discard: ", "milter-hold: ", "discard: ")):
        return Rejected(at, origin, process, text[:end], rest)
    if rest.startswith(_CLEANUP_NOTES):
        return Noted(at, origin, process, text[:end], rest)
    return None


def bounce(at: float, origin: Origin, process: str, text: str) -> Event | None:
    end = queue_id_length(text)
    kind, found, notice = text[end + 2 :].rpartition(": ") if end else ("", "", "")
    return Notified(at, origin, process, text[:end], kind, notice) if found else None


def smtpd(at: float, origin: Origin, process: str, text: str) -> Event | None:
    end = queue_id_length(text)
    if end and text.startswith("client=", end + 2):
        client, _comma, rest = text[end + 9 :].partition(", ")
        _before, found, user = rest.partition("sasl_username=")
        return Accepted(at, origin, process, text[:end], client, user.partition(", ")[0] if found else None)
    name, colon, rest = text.partition(": ")
    if not (colon and (end or name == "NOQUEUE")):
        return _session(at, origin, process, text) or tls(at, origin, process, text)
    queue_id = text[:end] if end else None
    if rest.startswith(_REFUSALS):
        return Rejected(at, origin, process, queue_id, rest)
    if rest.startswith(_PASSAGES):
        return Noted(at, origin, process, queue_id, rest)
    return _session(at, origin, process, rest)


def _session(at: float, origin: Origin, process: str, text: str) -> Event | None:
    if text.startswith("connect from "):
        return Session(at, origin, process, "connect", text[13:])
    if text.startswith("disconnect from "):
        return Session(at, origin, process, "disconnect", text[16:].partition(" ")[0])
    for what, mark in _ENDS:
        if text.startswith(mark):
            return Session(at, origin, process, what, text.rpartition(" from ")[2])
    return Noted(at, origin, process, None, text) if text.startswith(_SESSION_NOTES) else None


def pickup(at: float, origin: Origin, process: str, text: str) -> Event | None:
    end = queue_id_length(text)
    if end and text.startswith("uid=", end + 2):
        client = text[end + 2 :].partition(" ")[0]
        return Accepted(at, origin, process, text[:end], client, None)
    return None


def trouble(at: float, origin: Origin, process: str, text: str) -> Trouble | None:
    """`warning: ...` and worse, which every program may say; with or without a queue identifier before it."""
    severity, colon, rest = text.partition(": ")
    if colon and severity in SEVERITIES:
        return Trouble(at, origin, process, severity, rest)
    end = queue_id_length(text)
    severity, colon, rest = text[end + 2 :].partition(": ") if end else ("", "", "")
    return Trouble(at, origin, process, severity, text) if colon and severity in SEVERITIES else None


def noted(at: float, origin: Origin, process: str, text: str) -> Noted:
    """Programs of whose lines none matters to deliveries."""
    return Noted(at, origin, process, None, text)


READERS: dict[str, Reader] = {
    **dict.fromkeys(("smtp", "lmtp", "error", "retry", "discard", "local", "virtual", "pipe"), agent),
    **dict.fromkeys(("qmgr", "oqmgr"), qmgr),
    **dict.fromkeys(("bounce", "defer", "trace"), bounce),
    **dict.fromkeys(("smtpd", "submission", "smtps", "qmqpd"), smtpd),
    "cleanup": cleanup,
    "pickup": pickup,
    **dict.fromkeys(
        (
            "nqmgr",
            "anvil",
            "scache",
            "master",
            "postfix-script",
            "postlog",
            "postlogd",
            "postfix",
            "postmulti",
            "tlsmgr",
            "tlsproxy",
            "verify",
            "trivial-rewrite",
            "proxymap",
            "postscreen",
            "dnsblog",
            "flush",
            "showq",
            "postqueue",
            "postsuper",
            "postdrop",
            "sendmail",
            "postalias",
            "postmap",
            "postkick",
            "spawn",
            "postcat",
            "postconf",
        ),
        noted,
    ),
}
