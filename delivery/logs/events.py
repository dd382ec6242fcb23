"""What a line of Postfix's log tells, one type for each kind of line.

Each begins with when (seconds since 1970), by whom, and the process that said so. What few readers want is
worked out only when it is asked for.
"""

from typing import NamedTuple


class Origin(NamedTuple):
    """Which Postfix said it, as the line's tag tells: `postfix-orders/orders-1-google/smtp`."""

    host: str
    instance: str
    """The first part of `syslog_name`."""
    label: str
    """What stands between; our transports have their name there. Empty as Debian ships it."""
    program: str


class Delivery(NamedTuple):
    """What became of one recipient at one attempt."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    recipient: str
    relay: str
    """`mx.example.com[192.0.2.25]:25`, `none`, `local` or a socket's path."""
    connection_use: int
    """1 for the first message of a connection."""
    delay_seconds: float
    """Since the message was taken over."""
    delays: str
    """`a/b/c/d` in seconds: before the queue manager, in it, connecting, transmission."""
    dsn: str
    status: str
    """`sent`, `deferred`, `bounced`; also `undeliverable`, `deliverable`, `expired`, `SOFTBOUNCE`."""
    text: str
    """What stands in the brackets: the reply, or what Postfix says instead."""

    @property
    def exchanger(self) -> str | None:
        """The receiver's host; None when none was reached."""
        name, bracket, _rest = self.relay.partition("[")
        return name if bracket else None

    @property
    def exchanger_address(self) -> str | None:
        """IPv4 or IPv6; None when none was reached."""
        _name, bracket, rest = self.relay.partition("[")
        return rest.partition("]")[0] if bracket else None

    @property
    def delays_seconds(self) -> tuple[float, ...]:
        """The four of `delays`; nothing when they are malformed."""
        try:
            return tuple(map(float, self.delays.split("/")))
        except ValueError:
            return ()


class Queued(NamedTuple):
    """The queue manager took the message into the active queue; again at each retry."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    sender: str
    size_bytes: int
    recipients: int


class Accepted(NamedTuple):
    """A message came in: by SMTP, or from a program on this machine (`client` is then `uid=N`)."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    client: str
    user: str | None
    """As authenticated."""


class MessageId(NamedTuple):
    """The header's identifier, without brackets where it has them."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    message_id: str


class Removed(NamedTuple):
    """The message has left the queue."""

    at: float
    origin: Origin
    process: str
    queue_id: str


class Expired(NamedTuple):
    """The message was given up for its age, or by a person's order."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    sender: str


class Notified(NamedTuple):
    """A bounce, delay or delivery notice was made: a message of its own."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    kind: str
    """As `sender non-delivery notification`."""
    notice_id: str


class HostSaid(NamedTuple):
    """A refusal or failure after which this attempt went on with another exchanger."""

    at: float
    origin: Origin
    process: str
    queue_id: str
    text: str


class ConnectFailed(NamedTuple):
    """No connection to one exchanger."""

    at: float
    origin: Origin
    process: str
    peer: str
    """`mx.example.com[192.0.2.25]:25`."""
    reason: str


class Tls(NamedTuple):
    """A session was encrypted."""

    at: float
    origin: Origin
    process: str
    trust: str
    """`Trusted`, `Untrusted`, `Anonymous`, `Verified`."""
    incoming: bool
    peer: str
    details: str
    """Protocol and cipher."""


class TlsFailed(NamedTuple):
    """A session could not be encrypted, or its certificate not be verified."""

    at: float
    origin: Origin
    process: str
    text: str


class Rejected(NamedTuple):
    """A client's command was refused, or a message by a filter; no `queue_id` before there was one."""

    at: float
    origin: Origin
    process: str
    queue_id: str | None
    text: str


class Session(NamedTuple):
    """A client came or went."""

    at: float
    origin: Origin
    process: str
    what: str
    """`connect`, `disconnect`, `lost connection`, `timeout`, `too many errors`, `hangup`."""
    client: str


class Trouble(NamedTuple):
    """A warning, or worse."""

    at: float
    origin: Origin
    process: str
    severity: str
    """`warning`, `error`, `fatal`, `panic`."""
    text: str


class Noted(NamedTuple):
    """Known, and of no consequence for deliveries: statistics, starts, stops, workarounds."""

    at: float
    origin: Origin
    process: str
    queue_id: str | None
    text: str


class Unknown(NamedTuple):
    """A line that nothing here knows; kept as it is."""

    line: str


Event = (
    Delivery
    | Queued
    | Accepted
    | MessageId
    | Removed
    | Expired
    | Notified
    | HostSaid
    | ConnectFailed
    | Tls
    | TlsFailed
    | Rejected
    | Session
    | Trouble
    | Noted
    | Unknown
)
