"""A rule of the catalogue made ready to be asked."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from delivery.model import Meaning, Reply
from fleet.replies import ReplyRule, When

_LINKED_REASON = re.compile(r"[?&]c=([a-z0-9]{1,20})")


@dataclass(frozen=True, slots=True)
class Asked:
    """A reply as rules look at it: in lower case, with what has to be worked out once only."""

    code: int | None
    enhanced: tuple[str, int] | None
    """`4.7.28` as ("4.7", 28)."""
    text: str
    last_line: str
    reason: str | None
    """The `c` of a link in it."""

    @classmethod
    def of(cls, reply: Reply) -> "Asked":
        text = reply.text.lower()
        linked = _LINKED_REASON.search(text)
        return cls(
            code=reply.code,
            enhanced=_split(reply.enhanced) if reply.enhanced else None,
            text=text,
            last_line=text if reply.last_line is None else reply.last_line.lower(),
            reason=linked[1] if linked else None,
        )


Test = Callable[[Asked], bool]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """Whether it knows a reply, and what it says of those it knows."""

    rule: ReplyRule
    meaning: Meaning
    tests: tuple[Test, ...]
    """The cheapest first."""

    @classmethod
    def of(cls, isp: str, rule: ReplyRule) -> "CompiledRule":
        suspend = rule.suspend_seconds.value if rule.suspend_seconds else None
        meaning = Meaning(
            rule=f"{isp}/{rule.name}",
            category=rule.category,
            scope=rule.scope,
            actions=rule.actions,
            suspend_seconds=suspend,
            runbook=rule.runbook,
        )
        return cls(rule, meaning, tuple(_tests(rule.when)))

    def knows(self, asked: Asked) -> bool:
        # A loop, as it is several times as fast as all() over a generator.
        for test in self.tests:  # noqa: SIM110
            if not test(asked):
                return False
        return True


def kinds(when: When) -> frozenset[str]:
    """For which classes of replies, `temporary`, `permanent` and `none`, the rule need be asked at all."""
    found = {"temporary", "permanent", "none"}
    if when.kind is not None:
        found &= {when.kind}
    if when.code:
        found &= {"temporary" if code < 500 else "permanent" for code in when.code}
    return frozenset(found)


def kind_of(code: int | None) -> str:
    """The class of a reply with this code."""
    if code is None:
        return "none"
    return "temporary" if code < 500 else "permanent"


def _tests(when: When) -> list[Test]:
    tests: list[Test] = []
    if when.kind is not None:
        kind = when.kind
        tests.append(lambda asked: kind_of(asked.code) == kind)
    if when.code:
        codes = frozenset(when.code)
        tests.append(lambda asked: asked.code in codes)
    if when.enhanced:
        tests.append(_enhanced_test(when.enhanced))
    if when.reason:
        reasons = frozenset(when.reason)
        tests.append(lambda asked: asked.reason in reasons)
    if when.text:
        in_text = _phrase_test(when.text)
        tests.append(lambda asked: in_text(asked.text))
    if when.last_line:
        in_line = _phrase_test(when.last_line)
        tests.append(lambda asked: in_line(asked.last_line))
    return tests


def _split(enhanced: str) -> tuple[str, int]:
    subject, _dot, detail = enhanced.rpartition(".")
    return subject, int(detail)


def _enhanced_test(patterns: tuple[str, ...]) -> Test:
    ranges = []
    for pattern in patterns:
        subject, _dot, detail = pattern.rpartition(".")
        low, _hyphen, high = detail.partition("-")
        ranges.append((subject, range(1000) if low == "*" else range(int(low), int(high or low) + 1)))

    def test(asked: Asked) -> bool:
        if asked.enhanced is None:
            return False
        subject, detail = asked.enhanced
        return any(subject == one and detail in details for one, details in ranges)

    return test


def _phrase_test(phrases: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether one of the phrases is in a text that is in lower case."""
    plain = tuple(phrase.lower() for phrase in phrases if "*" not in phrase)
    gapped = tuple(
        tuple(part.strip() for part in phrase.lower().split("*")) for phrase in phrases if "*" in phrase
    )

    def test(text: str) -> bool:
        for phrase in plain:
            if phrase in text:
                return True
        return any(_in_order(parts, text) for parts in gapped)

    return test


def _in_order(parts: tuple[str, ...], text: str) -> bool:
    """Whether the parts follow each other: the leftmost place of each leaves most for the next."""
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True
