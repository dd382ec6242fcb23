"""What the catalogue's model does not see of a reply rule: sources, names, and what its actions need."""

from collections.abc import Iterable, Iterator, Sequence

from fleet.document import Document
from fleet.problems import KeyPath, Problem
from fleet.replies import Action, ReplyRule, When
from fleet.validation import suggestion


def reply_problems(document: Document, rules: Sequence[ReplyRule], sources: Iterable[str]) -> list[Problem]:
    """All that is wrong with the rules of one file; `sources` are the names of its sources."""
    known = list(sources)
    problems = []
    first: dict[str, int] = {}
    for position, rule in enumerate(rules):
        place = ("replies", position)
        problems += [
            unknown_source(document, known, *one) for one in _named(place, rule) if one[1] not in known
        ]
        if first.setdefault(rule.name, position) != position:
            what = f"there is already a rule `{rule.name}`"
            problems.append(document.problem((*place, "name"), what, "Give each rule a name of its own."))
        if not any(getattr(rule.when, key) for key in When.model_fields):
            problems.append(document.problem((*place, "when"), "it would know every reply", "Say which."))
        for key, action in (("suspend_seconds", Action.SUSPEND), ("runbook", Action.RUNBOOK)):
            if (getattr(rule, key) is not None) != (action in rule.actions):
                what = f"`{key}` and the action `{action}` go together"
                problems.append(document.problem((*place, "actions"), what, "Give both or none."))
    return problems


def unknown_source(document: Document, known: Iterable[str], path: KeyPath, source: str) -> Problem:
    """A figure, rule or sample names a source that the file does not have."""
    what = f"there is no source `{source}` in this file"
    return document.problem(path, what, suggestion(source, list(known)))


def _named(place: KeyPath, rule: ReplyRule) -> Iterator[tuple[KeyPath, str]]:
    """Where the rule names a source, and which."""
    yield (*place, "source"), rule.source
    for at, sample in enumerate(rule.samples):
        yield (*place, "samples", at, "source"), sample.source
    if rule.suspend_seconds is not None:
        yield (*place, "suspend_seconds", "source"), rule.suspend_seconds.source
