"""Whether the catalogue's reply rules hold what they say: each by its own samples, all of them together.

What a file says wrongly in itself (a figure or sample without source, a rule without sample, an action
without what it needs) `Catalogue.load` refuses already; `findings` looks at a catalogue that could be read.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from delivery.replies.parse import parse_reply
from delivery.replies.rules import Asked, CompiledRule, kinds
from fleet.catalogue import CATALOGUE_DIRECTORY, DEFAULT_ISP, Catalogue, Isp
from fleet.document import read_document
from fleet.problems import CatalogueError, KeyPath, Problem
from fleet.replies import Action, ReplyRule


class Kind(StrEnum):
    """What can be wrong with rules that are well-formed."""

    MISSED = "missed"
    """A rule does not know its own sample."""
    SHADOWED = "shadowed"
    """An earlier rule catches a sample of a later one."""
    DISAGREEING = "disagreeing"
    """Two rules know one sample, say different things of it, and only their order decides."""
    UNREACHABLE = "unreachable"
    """No mail exchanger is ever matched by this ending of a name."""
    RASH = "rash"
    """A rule would suppress a recipient for good after a refusal for now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to put right, and where."""

    kind: Kind
    isp: str
    key: KeyPath
    what: str
    remedy: str


class LintError(CatalogueError):
    """The rules do not hold what they say."""


def check(directory: Path = CATALOGUE_DIRECTORY) -> Catalogue:
    """The catalogue of `directory`; raises CatalogueError with every finding, each with its file and line."""
    catalogue = Catalogue.load(directory)
    found = findings(catalogue)
    if found:
        raise LintError([_problem(directory, one) for one in found])
    return catalogue


def findings(catalogue: Catalogue) -> list[Finding]:
    """All that is wrong with the rules and the mail exchangers' names, file by file."""
    found: list[Finding] = []
    for name, isp in catalogue.isps.items():
        rules = [CompiledRule.of(name, rule) for rule in isp.replies]
        samples = [
            (position, at, Asked.of(parse_reply(sample.text)))
            for position, one in enumerate(rules)
            for at, sample in enumerate(one.rule.samples)
        ]
        for position, at, asked in samples:
            found += _of_sample(name, rules, position, at, asked)
        found += _twice(name, isp)
        found += _rash(name, isp)
        found += _unreachable(name, isp, catalogue)
    return found


def _of_sample(
    isp: str, rules: list[CompiledRule], position: int, at: int, asked: Asked
) -> Iterator[Finding]:
    own = rules[position]
    key = ("replies", position, "samples", at)
    if not own.knows(asked):
        what = f"the rule `{own.rule.name}` does not know this reply"
        yield Finding(Kind.MISSED, isp, key, what, "Correct the rule's `when`, or move the sample.")
        return
    for other in rules[:position]:
        if other.knows(asked):
            what = f"the earlier rule `{other.rule.name}` catches this reply of `{own.rule.name}`"
            yield Finding(
                Kind.SHADOWED, isp, key, what, "Make the earlier rule narrower, or move this one up."
            )
            break
    for other in rules[position + 1 :]:
        if not other.rule.catch_all and other.knows(asked) and not _alike(own.rule, other.rule):
            what = f"`{own.rule.name}` and `{other.rule.name}` both know this reply and say different things"
            remedy = f"Make one narrower, or say of `{other.rule.name}` that it is a `catch_all`."
            yield Finding(Kind.DISAGREEING, isp, key, what, remedy)


def _twice(isp: str, entry: Isp) -> Iterator[Finding]:
    """The same words as samples of two rules that say different things."""
    owners: Mapping[str, list[tuple[ReplyRule, KeyPath]]] = defaultdict(list)
    for position, rule in enumerate(entry.replies):
        for at, sample in enumerate(rule.samples):
            owners[" ".join(sample.text.split())].append((rule, ("replies", position, "samples", at)))
    for places in owners.values():
        (first, _key), *others = places
        for rule, key in others:
            if rule is not first and not _alike(rule, first):
                what = f"the same reply is a sample of `{first.name}`, which says otherwise"
                yield Finding(Kind.DISAGREEING, isp, key, what, "Keep it where it belongs.")


def _rash(isp: str, entry: Isp) -> Iterator[Finding]:
    for position, rule in enumerate(entry.replies):
        if Action.SUPPRESS in rule.actions and "temporary" in kinds(rule.when):
            what = f"`{rule.name}` suppresses recipients, and may know replies that refuse for now"
            remedy = "Let it know permanent replies only, or none: `kind: permanent`."
            yield Finding(Kind.RASH, isp, ("replies", position, "actions"), what, remedy)


def _alike(one: ReplyRule, other: ReplyRule) -> bool:
    return (one.category, one.scope, one.actions) == (other.category, other.scope, other.actions)


def _unreachable(name: str, isp: Isp, catalogue: Catalogue) -> Iterator[Finding]:
    """Endings that no host name has, or that another one of the same entry covers already."""
    if name == DEFAULT_ISP:
        return
    for position, suffix in enumerate(isp.mx_suffixes):
        key = ("mx_suffixes", position)
        if not _possible(suffix):
            what = f"no mail exchanger's name ends with `{suffix}`"
            yield Finding(Kind.UNREACHABLE, name, key, what, "Look up the provider's MX records.")
            continue
        shorter = [one for one in isp.mx_suffixes if one != suffix and suffix.endswith(one)]
        if not shorter:
            continue
        longest = max(shorter, key=len)
        between = [
            one
            for other in catalogue.isps.values()
            if other is not isp
            for one in other.mx_suffixes
            if suffix.endswith(one) and len(one) > len(longest)
        ]
        if not between:
            what = f"`{longest}` matches already whatever `{suffix}` would"
            yield Finding(Kind.UNREACHABLE, name, key, what, "Leave it out.")


def _possible(suffix: str) -> bool:
    """Whether a host's name can end so: at least two labels, each well-formed, the last no number."""
    labels = suffix[1:].split(".")
    return (
        len(labels) >= 2
        and len(suffix) <= 253
        and all(0 < len(one) <= 63 and one[0] != "-" and one[-1] != "-" for one in labels)
        and not labels[-1].isdigit()
    )


def _problem(directory: Path, finding: Finding) -> Problem:
    document = read_document(directory / f"{finding.isp}.yaml")
    return document.problem(finding.key, finding.what, finding.remedy)
