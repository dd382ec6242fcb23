"""Shell commands of a page of the documentation, as words."""

import re
import shlex
from collections.abc import Iterator, Mapping

TOOLS = ("uv", "pulumi", "mtafleet", "python", "tools/", "make")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_OPTIONAL = re.compile(r"\[(--?[^\]]+)\]")


def commands(page: str, stand_for: Mapping[str, str]) -> Iterator[list[str]]:
    """Every command of fenced `sh` blocks and inline code, with what placeholders stand for put in.

    `uv run` is taken off, `&&` separates commands, and comments are none. Inline code is a command when it
    begins with the name of a tool and has further words. Options in brackets, `[--json]`, are taken as given.
    """
    fences = [match[2] for match in _FENCE.finditer(page) if match[1] == "sh"]
    lines = [line for block in fences for line in block.splitlines()]
    spans = (" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", page)))
    lines += [span for span in spans if span.startswith(TOOLS) and " " in span]
    for line in lines:
        yield from _commands_of(line, stand_for)


def _commands_of(line: str, stand_for: Mapping[str, str]) -> Iterator[list[str]]:
    lexer = shlex.shlex(_OPTIONAL.sub(r"\1", line), posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "&&"]:
        if set(word) <= set("&|;"):
            if words:
                yield words[2:] if words[:2] == ["uv", "run"] else words
            words = []
        else:
            words.append(_put_in(word, stand_for))


def _put_in(word: str, stand_for: Mapping[str, str]) -> str:
    for placeholder, value in stand_for.items():
        word = re.sub(rf"(?<![A-Za-z]){re.escape(placeholder)}(?![A-Za-z])", value, word)
    return word
