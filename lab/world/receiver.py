"""One simulated provider at work: it admits, counts, verifies by sample, decides and records."""

import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lab.world.events import Event, Outcome, ledger_id
from lab.world.judgement import judge
from lab.world.orders import Orders
from lab.world.providers import Provider, Refusal
from lab.world.session import Message
from lab.world.traffic import Traffic
from lab.world.verify import Authentication

Verify = Callable[[Message], Awaitable[Authentication]]
_GONE = "unknown-"
"""Mailboxes whose local part begins so do not exist."""


class EventSink(Protocol):
    """Takes events, in order."""

    def append(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many messages are verified: all while there are few, else a share chosen by the message's id."""

    percent: int = 6
    """Six, so that chance hardly ever leaves less than one in twenty."""
    all_below_messages_per_second: int = 30


class Sampler:
    """Chooses messages to verify; the same ids at the same rate give the same choice."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._second = 0
        self._previous = 0
        self._current = 0

    def chosen(self, key: bytes, now: float) -> bool:
        """Count a message and say whether it is to be verified."""
        second = int(now)
        if second != self._second:
            self._previous = self._current if second == self._second + 1 else 0
            self._second, self._current = second, 0
        self._current += 1
        if max(self._previous, self._current) <= self._sampling.all_below_messages_per_second:
            return True
        return zlib.crc32(key) % 100 < self._sampling.percent


class Receiver:
    """The `Host` of every session with one provider (see :mod:`lab.world.session`)."""

    def __init__(
        self,
        provider: Provider,
        traffic: Traffic,
        sink: EventSink,
        verify: Verify,
        sampler: Sampler,
        orders: Orders,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.provider = provider
        self.traffic = traffic
        self.counters: Counter[str] = Counter()
        self.enhanced_codes = provider.enhanced_codes
        self._sink = sink
        self._verify = verify
        self._sampler = sampler
        self._orders = orders
        self._clock = clock

    @property
    def tls_required(self) -> bool:
        """See `Host`."""
        return self.traffic.limits.tls_required

    @property
    def messages_per_session(self) -> int:
        """See `Host`."""
        return self.traffic.limits.messages_per_connection

    def greeting(self, source: str) -> tuple[str, bool]:
        """The first line for a new connection (already counted by `traffic`), and whether it may go on."""
        self.counters["connections"] += 1
        ordered = self._orders.reply(self.provider.name, "connect", source, self._clock())
        if ordered is not None:
            self.counters["refused_by_order"] += 1
            return ordered, False
        return self.provider.banner, True

    def crowded(self, source: str) -> str:
        """The refusal of a connection beyond the limit."""
        self.counters["connections"] += 1
        return self._words("connections", source) or "421 Too many connections"

    def refuse_session(self, source: str) -> str | None:
        """See `Host`."""
        return self._words("session_messages", source)

    def refuse_mail(self, source: str) -> str | None:
        """See `Host`."""
        now = self._clock()
        ordered = self._orders.reply(self.provider.name, "mail", source, now)
        if ordered is not None:
            self.counters["refused_by_order"] += 1
            return ordered
        match self.traffic.message(source, now):
            case "fresh":
                return self._words("fresh", source)
            case "rate":
                return self._words("rate", source)
            case _:
                return None

    def refuse_recipient(self, source: str, sender: str, recipient: str) -> str | None:
        """See `Host`; a permanent refusal is recorded, as the message itself may never come."""
        local, _, domain = recipient.rpartition("@")
        ordered = self._orders.reply(self.provider.name, "recipient", source, self._clock())
        if ordered is not None:
            self.counters["refused_by_order"] += 1
            reply: str | None = ordered
        elif domain.lower() not in self.provider.domains:
            reply = "550 5.7.1 Relaying denied" if self.enhanced_codes else "550 Relaying denied"
        elif local.lower().startswith(_GONE):
            reply = self._words("unknown_user", source)
        else:
            return None
        if reply is not None and reply.startswith("5"):
            message = Message(source, "", None, sender, (recipient,), b"")
            self._record(message, "rejected", reply, None)
        return reply

    def refuse_without_tls(self) -> str:
        """See `Host`."""
        return self._words("tls_required", "") or "530 5.7.0 Must issue a STARTTLS command first"

    def decide(self, message: Message) -> str | None:
        """See `Host`; None for a message that is to be verified first (`examine`)."""
        now = self._clock()
        ordered = self._orders.reply(self.provider.name, "message", message.source, now)
        if ordered is not None:
            self.counters["refused_by_order"] += 1
            return self._close(message, ordered, None)
        if self._sampler.chosen(ledger_id(message.content).encode() or message.content[:512], now):
            return None
        return self._close(message, self._acceptance(), None)

    async def examine(self, message: Message) -> str:
        """Verify a message and give the reply the findings deserve."""
        found = await self._verify(message)
        self.counters["verified"] += 1
        demands = self.provider.demands
        today = self.traffic.domain_messages_today(found.author_domain, self._clock())
        bulk_from = demands.bulk_from_messages_per_day
        refusal = judge(demands, found, bulk=bulk_from is not None and today >= bulk_from)
        reply = self._acceptance() if refusal is None else self._words(refusal, message.source)
        return self._close(message, reply or "550 Rejected", found)

    def _close(self, message: Message, reply: str, found: Authentication | None) -> str:
        outcome: Outcome = {"2": "accepted", "4": "deferred"}.get(reply[0], "rejected")  # type: ignore[assignment]
        self._record(message, outcome, reply, found)
        return reply

    def _acceptance(self) -> str:
        number = self.counters["accepted"] + 1
        return (
            f"250 2.0.0 OK {number}"
            if self.enhanced_codes
            else f"250 Requested mail action okay, completed: id={number}"
        )

    def _record(self, message: Message, outcome: Outcome, reply: str, found: Authentication | None) -> None:
        self.counters[outcome] += 1
        self._sink.append(
            Event(
                at=self._clock(),
                outcome=outcome,
                provider=self.provider.name,
                source=message.source,
                helo=message.helo,
                tls=message.tls.version if message.tls else None,
                sender=message.sender,
                recipients=message.recipients,
                ledger_id=ledger_id(message.content),
                message_bytes=len(message.content),
                reply=reply,
                authentication=found.as_record() if found else None,
            )
        )

    def _words(self, refusal: Refusal, source: str) -> str | None:
        self.counters[f"refused:{refusal}"] += 1
        text = self.provider.replies[refusal]
        return text.replace("{source}", source) if text is not None else None
