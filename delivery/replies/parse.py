"""Raw text of a refusal to a Reply: as it came over the wire, or as Postfix logs it.

Postfix joins the lines of a reply with spaces and leaves their codes in. Around the reply it says who
answered and to which command (`smtp_chat.c`, `smtp_trouble.c`); where there was no reply it says so in
words of its own, which are kept whole.
"""

import re

from delivery.model import Reply

LONGEST_TEXT = 2000
"""Characters of a reply that are looked at; what decides stands before."""

_SUSPENDED = "delivery temporarily suspended: "
_SAID = re.compile(r"^host \S{1,300} (?:said|refused to talk to me): ")
_IN_REPLY_TO = re.compile(r" \(in reply to [A-Za-z -]{1,60}\)$")
_CODE = re.compile(r"^([245]\d\d)(?:([ -])|$)")
_ENHANCED = re.compile(r"^#?([245]\.\d{1,3}\.\d{1,3})(?:[:,]?(?=\s)[\s]*|:|$)")
_ENHANCED_AT_END = re.compile(r"\(#([45]\.\d{1,3}\.\d{1,3})\)")
_SPACE = re.compile(r"\s+")


def parse_reply(raw: str) -> Reply:
    """The reply that `raw` is or tells of; never fails. Without a code: what Postfix says instead of one."""
    text = raw.strip().removeprefix(_SUSPENDED)
    said = _SAID.match(text[:400])
    if said:
        text = text[said.end() :]
    tail = _IN_REPLY_TO.search(text[-100:])
    if tail:
        text = text[: len(text) - len(tail.group())]
    text = text[:LONGEST_TEXT].strip()
    first = _CODE.match(text)
    if first is None:
        return Reply(text=_SPACE.sub(" ", text))
    code = first[1]
    found = [_without_enhanced(line) for line in _lines(text, code)]
    lines = [line for line, _enhanced in found]
    joined = _SPACE.sub(" ", " ".join(filter(None, lines)))
    enhanced = next((one for _line, one in reversed(found) if one), None)
    if enhanced is None and (written := _ENHANCED_AT_END.search(joined)):
        enhanced = written[1]
    last = _SPACE.sub(" ", lines[-1]) if len(lines) > 1 else None
    return Reply(text=joined, code=int(code), enhanced=enhanced, last_line=last)


def _lines(text: str, code: str) -> list[str]:
    """The reply's lines without their codes, whether still apart or joined by spaces."""
    if not text.startswith(f"{code}-"):
        # One line only, or several of which the first already ends the reply: what follows belongs to it.
        return [text[4:]]
    parts = re.split(rf"(?:^|\s){code}-", text)[1:]
    # The line that ends the reply is the first after the last continued one; its text may repeat the code.
    last, *end = re.split(rf"\s{code}(?:\s|$)", parts[-1], maxsplit=1)
    return [*parts[:-1], last, *end]


def _without_enhanced(line: str) -> tuple[str, str | None]:
    line = line.strip()
    found = _ENHANCED.match(line)
    return (line[found.end() :].strip(), found[1]) if found else (line, None)
