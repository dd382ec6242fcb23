"""What receivers' replies mean: the rules of the ISP catalogue, each with at least one real reply as proof.

A rule's `when` is a plain comparison of codes and of phrases. A phrase is text that has to occur, in
whatever case; `*` in it stands for any text between two parts. There is nothing else to it on purpose:
whatever a phrase says and whatever a receiver answers, looking for it takes time proportional to the
reply's length.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fleet.sources import Figure
from fleet.spec.base import Label, Strict

PHRASE_PATTERN = r"^\S(.*\S)?$"
ENHANCED_PATTERN = r"^[45]\.\d{1,3}\.(\*|\d{1,3}(-\d{1,3})?)$"
REASON_PATTERN = r"^[a-z0-9]{1,20}$"


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


Phrase = Annotated[str, StringConstraints(pattern=PHRASE_PATTERN, max_length=120)]
"""Text to be found in a reply, in whatever case; `*` stands for any text."""
EnhancedCodes = Annotated[str, StringConstraints(pattern=ENHANCED_PATTERN)]
"""`4.7.28`, a range `5.7.606-649`, or all of a subject `4.7.*`."""
Code = Annotated[int, Field(ge=400, le=599)]
Reason = Annotated[str, StringConstraints(pattern=REASON_PATTERN)]


class When(Strict):
    """Which replies a rule knows: those of which everything given here holds."""

    code: tuple[Code, ...] = ()
    """One of these reply codes."""
    kind: Literal["temporary", "permanent", "none"] | None = None
    """A code of this class; `none`: there was no reply, and the text is what Postfix says about that."""
    enhanced: tuple[EnhancedCodes, ...] = ()
    """One of these enhanced codes, exact, a range `5.7.606-649`, or a subject `4.7.*`."""
    text: tuple[Phrase, ...] = ()
    """One of these phrases in the whole reply, its lines joined by spaces; `*` stands for any text."""
    last_line: tuple[Phrase, ...] = ()
    """One of these phrases in the last line."""
    reason: tuple[Reason, ...] = ()
    """One of these values of `c` in a link within the reply."""


class Sample(Strict):
    """One reply as somebody got it."""

    text: Annotated[str, Field(min_length=1)]
    """With its code; the lines of a longer reply as they came, or as Postfix logs them."""
    source: Label
    """Who showed it: a key of the file's `sources`."""


class ReplyRule(Strict):
    """What certain replies mean, and what the fleet does about them."""

    name: Label
    """Its name within the file."""
    when: When
    """Which replies it knows."""
    category: Category
    """What the refusal is about."""
    scope: Scope
    """What the refusal speaks of: how much else would meet it too."""
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    """What the fleet does about it."""
    suspend_seconds: Figure | None = None
    """How long nothing more is asked on this path; with the action `suspend` only."""
    runbook: Label | None = None
    """What a person has to do; with the action `runbook` only."""
    catch_all: bool = False
    """It stands for what the rules before it did not know, and may know their replies too. Of other
    rules no two that say different things may know the same sample."""
    source: Label
    """Who says what it means: a key of the file's `sources`."""
    samples: Annotated[tuple[Sample, ...], Field(min_length=1)]
    """Replies that prove it, one at least."""
