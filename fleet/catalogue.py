"""The ISP catalogue: what each mailbox provider allows and demands, each figure with its source.

Limits depend on the standing of the sending address: `fresh` without history, `warming` while its
volume grows, `established` after that with clean authentication. Connections and rates hold for one
sending address. Where sources disagree the more careful figure stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from fleet.document import Document, UnreadableError, read_document
from fleet.problems import CatalogueError, Problem, whole_file
from fleet.replies import ENHANCED_PATTERN, PHRASE_PATTERN, REASON_PATTERN, ReplyRule
from fleet.reply_problems import reply_problems, unknown_source
from fleet.sources import Figure, Source
from fleet.spec.base import Domain, Label, Strict
from fleet.spec.load import PATTERN_REMEDIES
from fleet.validation import validate

CATALOGUE_DIRECTORY = Path(__file__).parent / "isps"
DEFAULT_ISP = "default"
SUFFIX_PATTERN = r"^\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"

MxSuffix = Annotated[str, StringConstraints(pattern=SUFFIX_PATTERN)]
"""The end of a mail exchanger's name, from a dot on: `.google.com` matches `aspmx.l.google.com`."""


class Stage(StrEnum):
    """The standing of a sending address."""

    FRESH = "fresh"
    WARMING = "warming"
    ESTABLISHED = "established"


class StageLimits(Strict):
    """What one sending address of a certain standing may do."""

    connections: Figure
    """Simultaneous SMTP connections."""
    messages_per_connection: Figure
    """Messages before a connection is closed and a new one opened."""
    messages_per_minute: Figure | None = None
    """Absent: no limit known beyond those of connections."""
    messages_per_hour: Figure | None = None
    """Absent: no limit known."""
    new_connections_per_minute: Figure | None = None
    """Absent: no limit known."""


class Limits(Strict):
    """Limits by standing."""

    fresh: StageLimits
    """An address without history."""
    warming: StageLimits
    """An address whose volume is growing."""
    established: StageLimits
    """An address with a history of wanted, authenticated mail."""


class Retry(Strict):
    """When to try again after a temporary refusal. Postfix has one pace for a whole queue: that of the
    default entry is in force, the others tell what the provider asks for."""

    first_seconds: Figure
    """The wait before the second attempt."""
    longest_seconds: Figure
    """The longest wait between two attempts; waits double until then."""


class Isp(Strict):
    """One mailbox provider."""

    isp: Label
    """Its name in the fleet's own words; the same as the file's."""
    title: str
    """Its name as people know it."""
    mx_suffixes: tuple[MxSuffix, ...]
    """By these endings of its mail exchangers' names it is known; empty for the default only."""
    domains: tuple[Domain, ...] = ()
    """Its best-known mail domains, for use where no mail exchanger has been looked up."""
    temperament: Literal["reactive", "tolerant", "manual", "ordinary"]
    """`reactive`: reacts hard and fast to volume. `tolerant`: bears moderate growth from established
    senders. `manual`: often blocks by hand, found late and slow to mend."""
    tls: Literal["required", "opportunistic"]
    """Whether mail may leave in the clear when the receiver offers no TLS."""
    tls_source: Label
    """Who says so: a key of `sources`."""
    connections_counted: Literal["per_domain", "per_provider", "per_fleet"]
    """What `connections` counts: connections of one address to one recipient domain, of one address
    to all of the provider's domains together, or of all addresses of a fleet together."""
    limits: Limits
    """What each sending address may do."""
    retry: Retry
    """When to try again."""
    replies: tuple[ReplyRule, ...] = ()
    """What its replies mean: the first rule that knows a reply counts; those of `default` come last."""
    sources: Annotated[dict[Label, Source], Field(min_length=1)]
    """Where the figures come from."""

    def limits_at(self, stage: Stage) -> StageLimits:
        by_stage: Mapping[Stage, StageLimits] = {
            Stage.FRESH: self.limits.fresh,
            Stage.WARMING: self.limits.warming,
            Stage.ESTABLISHED: self.limits.established,
        }
        return by_stage[stage]

    def matches(self, mx_host: str) -> bool:
        return any(_ends(mx_host, suffix) for suffix in self.mx_suffixes)


@dataclass(frozen=True)
class Catalogue:
    """All ISPs by name; `default` stands for every one that has no entry."""

    isps: Mapping[str, Isp]

    @classmethod
    def load(cls, directory: Path = CATALOGUE_DIRECTORY) -> Self:
        """Every `*.yaml` of `directory`; raises CatalogueError with all problems."""
        problems: list[Problem] = []
        found: dict[str, tuple[Document, Isp]] = {}
        for path in sorted(directory.glob("*.yaml")):
            document, isp, said = _read(path)
            problems += said
            if document is not None and isp is not None:
                found[isp.isp] = (document, isp)
        if not problems and DEFAULT_ISP not in found:
            what = f"there is no entry `{DEFAULT_ISP}`"
            problems.append(whole_file(directory, what, f"Write `{DEFAULT_ISP}.yaml` for all other ISPs."))
        problems += _clashes(found)
        if problems:
            raise CatalogueError(problems)
        return cls({name: isp for name, (_document, isp) in found.items()})

    @property
    def default(self) -> Isp:
        return self.isps[DEFAULT_ISP]

    def match(self, mx_host: str) -> Isp:
        """The ISP whose longest suffix fits the mail exchanger's name; the default when none does."""
        host = mx_host.lower().rstrip(".")
        best = max((suffix for suffix in self._by_suffix if _ends(host, suffix)), key=len, default=None)
        return self.default if best is None else self._by_suffix[best]

    def match_domain(self, domain: str) -> Isp:
        """The ISP known to host `domain`; the default when the catalogue does not list it."""
        return self._by_domain.get(domain.lower().rstrip("."), self.default)

    @cached_property
    def _by_suffix(self) -> dict[str, Isp]:
        return {suffix: isp for isp in self.isps.values() for suffix in isp.mx_suffixes}

    @cached_property
    def _by_domain(self) -> dict[str, Isp]:
        return {domain: isp for isp in self.isps.values() for domain in isp.domains}


def _ends(host: str, suffix: str) -> bool:
    return host.endswith(suffix) or host == suffix[1:]


_REMEDIES = {
    **PATTERN_REMEDIES,
    SUFFIX_PATTERN: ("the end of a host name", "Write it with its first dot, like `.google.com`."),
    PHRASE_PATTERN: ("a phrase", "Leave out the space at its ends."),
    ENHANCED_PATTERN: ("an enhanced code", "Write it like `4.7.28`, `5.7.606-649` or `4.7.*`."),
    REASON_PATTERN: ("a reason", "Write what follows `c=` in the link, in lower-case letters and digits."),
}


def _read(path: Path) -> tuple[Document | None, Isp | None, list[Problem]]:
    try:
        document = read_document(path)
    except UnreadableError as error:
        return None, None, error.problems
    isp, problems = validate(Isp, document, _REMEDIES)
    if isp is None:
        return document, None, problems
    assert isinstance(isp, Isp)  # noqa: S101 - narrows the type
    said = [*_name_problems(document, isp, path), *_figure_problems(document, isp)]
    return document, isp, [*said, *reply_problems(document, isp.replies, isp.sources)]


def _name_problems(document: Document, isp: Isp, path: Path) -> list[Problem]:
    problems = []
    if isp.isp != path.stem:
        what = f"the file is called `{path.name}` but the entry `{isp.isp}`"
        problems.append(document.problem(("isp",), what, f"Write `{path.stem}`, or rename the file."))
    if bool(isp.mx_suffixes) == (isp.isp == DEFAULT_ISP):
        what = "the default has no suffixes, every other entry has some"
        problems.append(document.problem(("mx_suffixes",), what, "Look up the provider's MX records."))
    return problems


def _figure_problems(document: Document, isp: Isp) -> list[Problem]:
    """Each figure names a source of the file, and an address never loses by gaining history."""
    problems = []
    if isp.tls_source not in isp.sources:
        problems.append(unknown_source(document, isp.sources, ("tls_source",), isp.tls_source))
    stages = [(stage.value, isp.limits_at(stage)) for stage in Stage]
    groups = [(("limits", name), limits) for name, limits in stages]
    for path, group in (*groups, (("retry",), isp.retry)):
        for key in type(group).model_fields:
            figure = getattr(group, key)
            if figure is not None and figure.source not in isp.sources:
                place = (*path, key, "source")
                problems.append(unknown_source(document, isp.sources, place, figure.source))
    for (_lower, less), (name, more) in pairwise(stages):
        for key in StageLimits.model_fields:
            low, high = getattr(less, key), getattr(more, key)
            if high is not None and (low is None or low.value > high.value):
                what = f"{name} addresses would be allowed less than those before that stage"
                problems.append(
                    document.problem(("limits", name, key), what, "Lower the figure of the stage before.")
                )
    if isp.retry.first_seconds.value > isp.retry.longest_seconds.value:
        what = "the first wait is longer than the longest"
        problems.append(document.problem(("retry", "first_seconds"), what, "Exchange or correct them."))
    return problems


def _clashes(found: Mapping[str, tuple[Document, Isp]]) -> list[Problem]:
    """A suffix or domain belongs to one ISP."""
    problems = []
    owner: dict[str, str] = {}
    for name, (document, isp) in found.items():
        for key, values in (("mx_suffixes", isp.mx_suffixes), ("domains", isp.domains)):
            for position, value in enumerate(values):
                first = owner.setdefault(value, name)
                if first != name or values.index(value) != position:
                    what = f"`{value}` already belongs to `{first}`"
                    problems.append(document.problem((key, position), what, "Keep it in one place."))
    return problems
