"""A reply's meaning with its reasons: which rule, what is done, who says so."""

from dataclasses import dataclass
from datetime import date

from delivery.model import Action, Meaning, Reply
from delivery.replies.classify import Classifier
from delivery.replies.parse import parse_reply
from fleet.catalogue import Catalogue

_DOES = {
    Action.RETRY: "tries again as usual",
    Action.SLOW_DOWN: "sends more slowly on this path",
    Action.OTHER_ADDRESS: "prefers other addresses for this ISP",
    Action.GIVE_UP: "gives this message up: no retry would help it",
    Action.SUPPRESS: "sends nothing more to this recipient",
}


@dataclass(frozen=True, slots=True)
class Said:
    """Who says what a rule says."""

    title: str
    url: str | None
    read: date


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to tell of one reply at one ISP."""

    isp: str
    reply: Reply
    meaning: Meaning
    does: tuple[str, ...]
    """What the fleet does, in words."""
    source: Said | None
    """None when no rule knows the reply."""


def explain_reply(catalogue: Catalogue, isp: str, raw: str) -> Explanation:
    """What `raw` means at `isp`, a name of the catalogue."""
    reply = parse_reply(raw)
    classifier = Classifier(catalogue)
    found = classifier.rule(isp, reply)
    meaning = classifier.classify(isp, reply)
    source = None
    if found is not None:
        entry = catalogue.isps[meaning.rule.partition("/")[0]].sources[found.rule.source]
        source = Said(entry.title, entry.url, entry.read)
    return Explanation(isp, reply, meaning, tuple(_does(meaning)), source)


def _does(meaning: Meaning) -> list[str]:
    words = []
    for action in meaning.actions:
        if action is Action.SUSPEND:
            words.append(f"asks nothing more on this path for {meaning.suspend_seconds} s")
        elif action is Action.RUNBOOK:
            words.append(f"calls a person: runbook `{meaning.runbook}`")
        else:
            words.append(_DOES[action])
    return words
