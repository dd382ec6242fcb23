"""SMTP command lines as typed values (RFC 5321); pure, total over any bytes."""

import re
from dataclasses import dataclass, field

MAX_LINE_BYTES = 2048

_PARAMETER = rb"[A-Za-z0-9][A-Za-z0-9-]*(?:=[\x21-\x3c\x3e-\x7e]+)?"
_PATH = re.compile(
    rb"(?:FROM|TO):[ ]?<(?:@[^<>:\s]+:)?([^<>\s\x00-\x1f]*)>((?: +" + _PARAMETER + rb")*)[ ]*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Command:
    """A verb in upper case and the rest of the line as sent."""

    verb: str
    argument: bytes


@dataclass(frozen=True, slots=True)
class Path:
    """The mailbox of a MAIL or RCPT command ("" for the null sender) and its ESMTP parameters."""

    mailbox: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """The domain in lower case; "" when there is none."""
        return self.mailbox.rpartition("@")[2].lower() if "@" in self.mailbox else ""


def parse_command(line: bytes) -> Command:
    """Split a line without its CRLF. Anything that is no verb gives a command with the verb ""."""
    verb, _, argument = line.partition(b" ")
    if not verb.isalpha() or not verb.isascii():
        return Command("", line)
    return Command(verb.decode("ascii").upper(), argument)


def parse_path(verb: str, argument: bytes) -> Path | None:
    """Read the argument of MAIL (`FROM:<…>`) or RCPT (`TO:<…>`); None when it is malformed."""
    keyword = b"FROM:" if verb == "MAIL" else b"TO:"
    if argument[: len(keyword)].upper() != keyword:
        return None
    match = _PATH.fullmatch(argument)
    if match is None or not match[1].isascii():
        return None
    mailbox = match[1].decode("ascii")
    local, at, domain = mailbox.rpartition("@")
    if mailbox and not (at and local and domain):
        return None
    parameters = {}
    for item in match[2].split():
        name, _, value = item.decode("ascii").partition("=")
        parameters[name.upper()] = value
    return Path(mailbox, parameters)


def reply_bytes(text: str) -> bytes:
    """A reply as sent: lines of `text`, which all begin with one code, with hyphens on all but the last."""
    lines = text.splitlines()
    return "".join(
        f"{line[:3]}{' ' if number == len(lines) else '-'}{line[4:]}\r\n"
        for number, line in enumerate(lines, 1)
    ).encode("ascii", "replace")
