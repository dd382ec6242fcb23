"""The nouns of delivery: a path, an attempt on it, what the receiver's reply means. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from fleet.replies import Action, Category, Scope

__all__ = ["LOCAL_WAIT_TEXT", "Action", "Attempt", "Category", "Meaning", "Outcome", "Path", "Reply", "Scope"]

LOCAL_WAIT_TEXT = "mtafleet: not yet: "
"""What begins the text with which Postfix puts off a message because we said so: nobody was asked."""


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
    last_line: str | None = None
    """The last of several lines, without codes; None when there was one only. Some receivers decide there."""


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
