"""Replies that no rule knew, collected so that rules can be written: counted by their words.

Numbers, addresses, names and identifiers are masked, so that one wording is one entry however often its
details change. The file is JSON, one line an entry after a line that says what it is; it is bounded.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from delivery.model import Reply
from fleet.errors import MtafleetError

MOST_PER_ISP = 200
"""Wordings kept per ISP; a new one takes the place of the one not seen for longest."""
LONGEST_WORDS = 300
LONGEST_SAMPLE = 600
_REMEDY = "name the file that a node wrote, or remove it"
_FORMAT = {"format": "mtafleet unknown replies", "version": 1}

_MASKS = (
    (re.compile(r"<[^<>\s]{1,320}>"), "<>"),
    (re.compile(r"https?://\S{1,500}"), "URL"),
    (re.compile(r"[^\s<>@]{1,64}@[a-z0-9.-]{1,255}"), "MAILBOX"),
    (re.compile(r"\[?(?<![0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9.])\]?"), "IP"),
    (re.compile(r"\[?\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![0-9a-z:])\]?"), "IP"),
    (re.compile(r"\b(?:[a-z0-9_-]{1,63}\.){1,10}[a-z]{2,24}\b"), "HOST"),
    (re.compile(r"\b[a-z0-9_+/=-]*\d[a-z0-9_+/=-]*[a-z][a-z0-9_+/=-]*\d[a-z0-9_+/=-]*"), "ID"),
    (re.compile(r"\d+"), "N"),
)


class UnknownRepliesError(MtafleetError):
    """The file of unknown replies cannot be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One wording at one ISP."""

    isp: str
    words: str
    """Code, enhanced code and text in lower case, details masked."""
    count: int
    first_at: float
    """Seconds since 1970, as all times here."""
    last_at: float
    sample: str
    """The latest as it was, cut short."""


def words_of(reply: Reply) -> str:
    """What a reply says, without what differs from time to time."""
    text = reply.text[:1000].lower()
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    codes = [str(reply.code) if reply.code is not None else "-", reply.enhanced or "-"]
    return " ".join([*codes, " ".join(text.split())])[:LONGEST_WORDS]


class UnknownReplies:
    """The collection in memory; `save` and `load` keep it in a file."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_isp: dict[str, dict[str, Entry]] = {}
        for one in entries:
            self._by_isp.setdefault(one.isp, {})[one.words] = one

    def add(self, isp: str, reply: Reply, at: float) -> None:
        """Count one reply that no rule knew. `at`: seconds since 1970."""
        entries = self._by_isp.setdefault(isp, {})
        words = words_of(reply)
        sample = _sample(reply)
        known = entries.get(words)
        if known is not None:
            last_at = max(at, known.last_at)
            entries[words] = replace(known, count=known.count + 1, last_at=last_at, sample=sample)
            return
        if len(entries) >= MOST_PER_ISP:
            del entries[min(entries, key=lambda one: entries[one].last_at)]
        entries[words] = Entry(isp, words, 1, at, at, sample)

    def entries(self, isp: str | None = None) -> list[Entry]:
        """The most frequent first; of one ISP, or of all."""
        found = [one for name, each in self._by_isp.items() if isp in (None, name) for one in each.values()]
        return sorted(found, key=lambda one: (-one.count, one.isp, one.words))

    def save(self, path: Path) -> None:
        """Replace the file as a whole."""
        lines = [json.dumps(_FORMAT), *(json.dumps(asdict(one)) for one in self.entries())]
        new = path.with_name(f".{path.name}.new")
        new.write_text("".join(f"{line}\n" for line in lines))
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> "UnknownReplies":
        """What the file holds, nothing when there is none; raises UnknownRepliesError."""
        try:
            text = path.read_text()
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise UnknownRepliesError(
                f"{path}: cannot be read: {error}; check path and permissions"
            ) from error
        return cls(_entries(path, text.splitlines()))


def _entries(path: Path, lines: list[str]) -> list[Entry]:
    try:
        first = json.loads(lines[0]) if lines else None
        found = [_entry(json.loads(line), number) for number, line in enumerate(lines[1:], 2)]
    except (ValueError, TypeError, KeyError) as error:
        what = f"is no collection of unknown replies: {error}"
        raise UnknownRepliesError(f"{path}: {what}; {_REMEDY}") from error
    if first != _FORMAT:
        raise UnknownRepliesError(f"{path}: is no collection of unknown replies; {_REMEDY}")
    return found


def _entry(data: dict[str, object], number: int) -> Entry:
    entry = Entry(**data)  # type: ignore[arg-type]
    texts = (entry.isp, entry.words, entry.sample)
    times = (entry.first_at, entry.last_at)
    if not (
        all(isinstance(one, str) for one in texts)
        and isinstance(entry.count, int)
        and all(isinstance(one, int | float) for one in times)
    ):
        raise ValueError(f"line {number} has values of other kinds")
    return entry


def _sample(reply: Reply) -> str:
    codes = [str(reply.code) if reply.code is not None else "", reply.enhanced or ""]
    return " ".join(filter(None, [*codes, reply.text]))[:LONGEST_SAMPLE]
