"""Test messages: recipients by a realistic mix of domains, and content that a receiver takes seriously."""

import random
import zlib
from bisect import bisect
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from itertools import accumulate
from pathlib import Path

import yaml

from lab.errors import LabError

MIXES = Path(__file__).parents[1] / "world" / "data" / "mixes.yaml"
BULK_STREAMS = ("marketing",)
_NAMES = (
    "ada",
    "bo",
    "chidi",
    "dora",
    "emil",
    "fay",
    "goran",
    "hana",
    "ines",
    "jonas",
    "kim",
    "leila",
    "marek",
)
_LINE = (
    "Your order has left our warehouse; the parcel service expects to hand it over within two working days."
)


class MixError(LabError):
    """There is no such mix, or its file is malformed."""


class Mix:
    """Draws recipient domains with fixed weights; the same seed draws the same sequence."""

    def __init__(self, weights: dict[str, int], seed: int) -> None:
        self._domains = list(weights)
        self._limits = list(accumulate(weights.values()))
        self._random = random.Random(seed)  # noqa: S311 - test traffic, not secrets

    def draw(self) -> str:
        """One domain."""
        return self._domains[bisect(self._limits, self._random.random() * self._limits[-1])]


@cache
def load_mixes(path: Path = MIXES) -> dict[str, dict[str, int]]:
    """Every mix by name: domains and their weights."""
    return {name: dict(weights) for name, weights in yaml.safe_load(path.read_text()).items()}


def named_mix(name: str, seed: int) -> Mix:
    """The mix of that name; raises `MixError` naming those there are."""
    mixes = load_mixes()
    if name not in mixes:
        raise MixError(f"there is no mix {name!r}; there are {', '.join(mixes)} (in {MIXES})")
    return Mix(mixes[name], seed)


@dataclass(frozen=True, slots=True)
class Letter:
    """One test message, ready for the DATA command: CRLF line ends, no line begins with a dot."""

    ledger_id: str
    recipient: str
    content: bytes


def compose(
    ledger_id: str,
    domain: str,
    sender: str,
    stream: str,
    now: datetime,
    size_bytes: int,
    unknown_percent: float = 0.0,
) -> Letter:
    """A message from `sender` to a mailbox of its own at `domain`; the mailbox holds the ledger id too.

    A share of mailboxes, chosen by the id, is of a kind that no simulated provider knows.

    A receiver that refuses the recipient never sees the header, so the id must show in the envelope as well.
    """
    number = zlib.crc32(ledger_id.encode())
    gone = number % 10_000 < unknown_percent * 100
    name = f"{'unknown-' if gone else ''}{_NAMES[number % len(_NAMES)]}"
    recipient = f"{name}.{ledger_id}@{domain}"
    sender_domain = sender.rpartition("@")[2]
    headers = [
        f"From: Lab sender <{sender}>",
        f"To: <{recipient}>",
        f"Subject: Notice {ledger_id}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{ledger_id}@{sender_domain}>",
        f"X-Ledger-Id: {ledger_id}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        f"Feedback-ID: {stream}:{sender_domain}:lab",
    ]
    if stream in BULK_STREAMS:
        headers += [
            f"List-Id: <{stream}.{sender_domain}>",
            f"List-Unsubscribe: <https://{sender_domain}/unsubscribe/{ledger_id}>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ]
    head = "\r\n".join(headers) + "\r\n\r\n"
    return Letter(ledger_id, recipient, head.encode() + _body(max(0, size_bytes - len(head))))


@cache
def _filler(lines: int) -> bytes:
    return (_LINE + "\r\n").encode() * lines


def _body(size_bytes: int) -> bytes:
    return _filler(size_bytes // (len(_LINE) + 2) or 1)
