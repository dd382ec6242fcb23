"""The nouns of delivery: a path, an attempt on it, what the receiver's reply means. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Path(NamedTuple):
    """What has a pace and a reputation of its own: one sending address towards one mailbox provider."""

    address: str
    """As Postfix binds it: the private one where the public one is translated."""
    isp: str
    """A name of the ISP catalogue."""


class Outcome(StrEnum):
    """How one attempt ended."""

    DELIVERED = "delivered"
    """The receiver took the message over; it says nothing of where it put it."""
    DEFERRED = "deferred"
    """The receiver, or the way to it, refused for now."""
    BOUNCED = "bounced"
    """Refused for good."""
    WAITED = "waited"
    """We did not ask: the message waits here. Counts in no statistic and no score."""


class Category(StrEnum):
    """What a refusal is about."""

    RATE = "rate"
    CONNECTIONS = "connections"
    REPUTATION = "reputation"
    BLOCK = "block"
    GREYLIST = "greylist"
    UNKNOWN_RECIPIENT = "unknown_recipient"
    MAILBOX_FULL = "mailbox_full"
    POLICY = "policy"
    AUTHENTICATION = "authentication"
    CONTENT = "content"
    ISP_TROUBLE = "isp_trouble"
    PROTOCOL = "protocol"
    NETWORK = "network"
    """No reply at all: no connection, a lost one, a time limit."""


class Scope(StrEnum):
    """What the refusal speaks of: how much else would meet it too."""

    ADDRESS = "address"
    DOMAIN = "domain"
    """The sending domain, whatever address it leaves from."""
    NETWORK = "network"
    """The block of addresses around ours."""
    RECIPIENT = "recipient"
    MESSAGE = "message"
    RECEIVER = "receiver"
    """The receiver's own state: nothing of ours would change it."""


class Action(StrEnum):
    """What the fleet does about it."""

    RETRY = "retry"
    """Nothing but the usual retry."""
    SLOW_DOWN = "slow_down"
    SUSPEND = "suspend"
    """Ask nothing more on this path for the rule's time."""
    OTHER_ADDRESS = "other_address"
    GIVE_UP = "give_up"
    """No retry will ever help this message."""
    SUPPRESS = "suppress"
    """Send nothing more to this recipient."""
    RUNBOOK = "runbook"
    """A person has to act."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a rule says of a reply."""

    rule: str
    """`ISP/NAME` of the rule; `unknown` when none knew the reply."""
    category: Category
    scope: Scope
    actions: tuple[Action, ...]
    suspend_seconds: int | None = None
    """With `Action.SUSPEND`."""
    runbook: str | None = None
    """With `Action.RUNBOOK`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver said, or what Postfix says about the lack of a reply."""

    text: str
    """Without code and enhanced code, lines joined by a space."""
    code: int | None = None
    """As 421; None without a reply."""
    enhanced: str | None = None
    """As 4.7.0; None where the receiver sends none."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try for one recipient."""

    at: float
    """Seconds since 1970."""
    node: str
    pool: str
    queue_id: str
    recipient_domain: str
    path: Path
    outcome: Outcome
    exchanger: str | None = None
    """The receiver's host that was asked; None when none was reached."""
    reply: Reply | None = None
    meaning: Meaning | None = None
    """None for what was delivered or waited."""
    age_seconds: float = 0.0
    """Since the message was taken over."""
