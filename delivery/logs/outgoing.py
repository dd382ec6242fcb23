"""What Postfix's delivery agents say: of recipients, of connections, of encryption."""

from delivery.logs.events import ConnectFailed, Delivery, Event, HostSaid, Noted, Origin, Tls, TlsFailed
from delivery.logs.marks import queue_id_length

_SAID = ("host ", "lost connection with ", "conversation with ", "Protocol error: ")
_TLS_REFUSALS = ("Cannot start TLS", "TLS is required", "Server certificate not", "TLSA lookup")
_AGENT_NOTES = (
    "enabling PIX workarounds",
    "breaking line",
    "replace: ",
    "passing ",
    "uid=",
    "forwarded as ",
    "hold: ",
    "info: ",
    "enforcing ",
    "Message delivery request rate",
)

_TLS_FAILURES = (
    "SSL_connect error",
    "SSL_accept error",
    "certificate verification failed",
    "certificate peer name",
)

_TLS_NOTES = (
    "setting up TLS",
    "initializing the ",
    "Host offered STARTTLS",
    "Untrusted: ",
    "TLS SNI ",
    "save session ",
    "SSL_",
    "<",
    "TLS connection closed",
)

_LONGEST_FIGURES = 300
"""Characters from the relay's end to the status: what stands further behind is the reply's."""


def delivery(
    at: float, origin: Origin, process: str, queue_id: str, text: str, start: int
) -> Delivery | None:
    """`text` from `start` on: `to=<...>, relay=..., ..., status=STATUS (TEXT)`."""
    end = _address_end(text, start + 4)
    recipient = text[start + 4 : end]
    if text.startswith("orig_to=<", end + 3):
        end = _address_end(text, end + 12)
    relay = end + 3
    stop = text.find(", ", relay)
    if end < 0 or stop < 0 or not text.startswith("relay=", relay):
        return None
    uses, after = "1", stop
    if text.startswith("conn_use=", stop + 2):
        after = text.find(", ", stop + 2)
        uses = text[stop + 11 : after]
    delays = text.find(", delays=", after)
    dsn = text.find(", dsn=", delays)
    status = text.find(", status=", dsn)
    if not (
        text.startswith("delay=", after + 2) and after < delays < dsn < status < after + _LONGEST_FIGURES
    ):
        return None
    try:
        connection_use, delay_seconds = int(uses), float(text[after + 8 : delays])
    except ValueError:
        return None
    opening = text.find(" (", status)
    if opening < 0:
        opening = len(text)
    return Delivery(
        at,
        origin,
        process,
        queue_id,
        recipient,
        text[relay + 6 : stop],
        connection_use,
        delay_seconds,
        text[delays + 9 : dsn],
        text[dsn + 6 : status],
        text[status + 9 : opening],
        text[opening + 2 : -1],
    )


def _address_end(text: str, start: int) -> int:
    """Where the `>` after the address stands; -1 when there is none."""
    if text.startswith('"', start):
        # A quoted local part may hold anything, even what looks like the end of the address.
        at = start + 1
        while at < len(text) and text[at] != '"':
            at += 2 if text[at] == "\\" else 1
        return text.find(">, ", at)
    return text.find(">, ", start)


def agent(at: float, origin: Origin, process: str, text: str) -> Event | None:
    """smtp, lmtp, error, discard, local, virtual, pipe: what deliver."""
    end = queue_id_length(text)
    if not end:
        failed = text.startswith("connect to ")
        return _not_connected(at, origin, process, text) if failed else tls(at, origin, process, text)
    if text.startswith("to=<", end + 2):
        return delivery(at, origin, process, text[:end], text, end + 2)
    rest = text[end + 2 :]
    if rest.startswith(_SAID):
        return HostSaid(at, origin, process, text[:end], rest)
    if rest.startswith(_TLS_REFUSALS):
        return TlsFailed(at, origin, process, rest)
    return Noted(at, origin, process, text[:end], rest) if rest.startswith(_AGENT_NOTES) else None


def _not_connected(at: float, origin: Origin, process: str, text: str) -> ConnectFailed:
    """`connect to HOST[ADDRESS]:PORT: REASON`; IPv6 addresses have colons of their own."""
    end = text.find("]:")
    colon = text.find(": ", max(end, 0))
    if colon < 0:
        return ConnectFailed(at, origin, process, text[11:], "")
    return ConnectFailed(at, origin, process, text[11:colon], text[colon + 2 :])


def tls(at: float, origin: Origin, process: str, text: str) -> Event | None:
    trust, found, rest = text.partition(" TLS connection ")
    if found and " " not in trust:
        verb, _space, rest = rest.partition(" ")
        way, _space, rest = rest.partition(" ")
        peer, colon, details = rest.partition(": ")
        if colon and verb in ("established", "reused") and way in ("to", "from"):
            return Tls(at, origin, process, trust, way == "from", peer, details)
    if text.startswith(_TLS_FAILURES):
        return TlsFailed(at, origin, process, text)
    if text.startswith(_TLS_NOTES):
        return Noted(at, origin, process, None, text)
    return None
