"""One SMTP session as a state machine without I/O: bytes in, replies and wishes out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from lab.world.commands import MAX_LINE_BYTES, Command, Path, parse_command, parse_path, reply_bytes

MAX_MESSAGE_BYTES = 36_700_160
MAX_RECIPIENTS = 100
_END_OF_DATA = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Tls:
    """What was negotiated, e.g. `TLSv1.3` and a cipher's name."""

    version: str
    cipher: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received: envelope, dot-unstuffed content, and how it came."""

    source: str
    helo: str
    tls: Tls | None
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Host(Protocol):
    """The provider a session speaks for. Replies are texts as in the catalogue, None means no objection."""

    @property
    def enhanced_codes(self) -> bool:
        """Whether plain replies carry enhanced status codes."""

    @property
    def tls_required(self) -> bool:
        """Whether mail is refused on unencrypted sessions."""

    @property
    def messages_per_session(self) -> int:
        """Messages after which a session must end."""

    def refuse_session(self, source: str) -> str | None:
        """The reply to a session that has reached its message limit; None to close without a word."""

    def refuse_mail(self, source: str) -> str | None:
        """Objection to a MAIL command."""

    def refuse_recipient(self, source: str, sender: str, recipient: str) -> str | None:
        """Objection to a RCPT command."""

    def refuse_without_tls(self) -> str:
        """The reply to MAIL on an unencrypted session when TLS is demanded."""

    def decide(self, message: Message) -> str | None:
        """The reply to a whole message; None when it will come later through `Session.decided`."""


class Then(Enum):
    """What the connection must do after the reply is sent."""

    READ = auto()
    START_TLS = auto()
    AWAIT_DECISION = auto()
    CLOSE = auto()


class Session:
    """Reads commands and mail data; `receive` and `decided` return what to send and what to do then."""

    __slots__ = (
        "_buffer", "_data_from", "_greeted", "_host", "_in_data", "_messages", "_out", "_path", "_recipients",
        "_source", "_then", "helo", "pending", "tls",
    )  # fmt: skip

    def __init__(self, host: Host, source: str) -> None:
        self._host = host
        self._source = source
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._then = Then.READ
        self._in_data = False
        self._data_from = 0
        self._messages = 0
        self._greeted = False
        self._path: Path | None = None
        self._recipients: list[str] = []
        self.helo = ""
        self.tls: Tls | None = None
        self.pending: Message | None = None

    def receive(self, data: bytes) -> tuple[bytes, Then]:
        """Take bytes from the client; data that arrives while a decision is awaited is kept for later."""
        self._buffer += data
        return self._run()

    def decided(self, reply: str) -> tuple[bytes, Then]:
        """The answer to the message that `Host.decide` left open."""
        self._then = Then.READ
        self.pending = None
        self._answer(reply)
        self._after_message()
        return self._run()

    def secured(self, tls: Tls) -> None:
        """TLS is up: forget all that the client said in clear (RFC 3207)."""
        self.tls = tls
        self._buffer.clear()
        self._greeted = False
        self._reset()
        self._then = Then.READ

    def _run(self) -> tuple[bytes, Then]:
        while self._then is Then.READ:
            if not (self._data() if self._in_data else self._line()):
                break
        reply = b"".join(self._out)
        self._out.clear()
        return reply, self._then

    def _line(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0 and len(self._buffer) <= MAX_LINE_BYTES:
            return False
        if end < 0 or end > MAX_LINE_BYTES:
            self._say(500, "5.5.2", "Line too long")
            self._then = Then.CLOSE
            return True
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        command = parse_command(line)
        _HANDLERS.get(command.verb, Session._unknown)(self, command)
        return True

    def _data(self) -> bool:
        # The search also covers the CRLF that ended the DATA command, for an empty message.
        if self._buffer.startswith(b".\r\n"):
            content, rest = b"", 3
        else:
            end = self._buffer.find(_END_OF_DATA, max(0, self._data_from - len(_END_OF_DATA)))
            self._data_from = len(self._buffer)
            if end < 0:
                if len(self._buffer) > MAX_MESSAGE_BYTES:
                    self._say(552, "5.3.4", "Message too big")
                    self._then = Then.CLOSE
                return False
            content, rest = bytes(self._buffer[: end + 2]), end + len(_END_OF_DATA)
        del self._buffer[:rest]
        self._in_data = False
        self._data_from = 0
        self._whole_message(unstuff(content))
        return True

    def _whole_message(self, content: bytes) -> None:
        path = self._path
        sender = path.mailbox if path else ""
        message = Message(self._source, self.helo, self.tls, sender, tuple(self._recipients), content)
        reply = self._host.decide(message)
        if reply is None:
            self.pending = message
            self._then = Then.AWAIT_DECISION
            return
        self._answer(reply)
        self._after_message()

    def _after_message(self) -> None:
        self._messages += 1
        self._reset()
        if (
            self._messages >= self._host.messages_per_session
            and self._host.refuse_session(self._source) is None
        ):
            self._then = Then.CLOSE

    def _reset(self) -> None:
        self._path = None
        self._recipients = []

    def _say(self, code: int, enhanced: str, text: str) -> None:
        self._out.append(f"{code} {enhanced + ' ' if self._host.enhanced_codes else ''}{text}\r\n".encode())

    def _answer(self, text: str) -> None:
        """A provider's own wording; a 421 ends the session, as RFC 5321 has it."""
        self._out.append(reply_bytes(text))
        if text.startswith("421"):
            self._then = Then.CLOSE

    def _hello(self, command: Command) -> None:
        self.helo = command.argument.decode("ascii", "replace").strip()
        if not self.helo:
            self._say(501, "5.5.4", "A host name is needed")
            return
        self._greeted = True
        self._reset()
        if command.verb == "HELO":
            self._out.append(b"250 at your service\r\n")
            return
        features = ["at your service", f"SIZE {MAX_MESSAGE_BYTES}", "8BITMIME", "PIPELINING"]
        features += [] if self.tls else ["STARTTLS"]
        features += ["ENHANCEDSTATUSCODES"] if self._host.enhanced_codes else []
        self._out.append(reply_bytes("\n".join(f"250 {feature}" for feature in features)))

    def _start_tls(self, command: Command) -> None:
        if command.argument.strip():
            self._say(501, "5.5.4", "STARTTLS takes no parameter")
        elif self.tls:
            self._say(503, "5.5.1", "TLS is already in use")
        else:
            self._say(220, "2.0.0", "Ready to start TLS")
            self._then = Then.START_TLS

    def _mail(self, command: Command) -> None:
        path = parse_path("MAIL", command.argument)
        if not self._greeted:
            self._say(503, "5.5.1", "EHLO first")
        elif self._host.tls_required and self.tls is None:
            self._answer(self._host.refuse_without_tls())
        elif self._path is not None:
            self._say(503, "5.5.1", "Nested MAIL command")
        elif path is None:
            self._say(501, "5.5.4", "Syntax: MAIL FROM:<address>")
        elif path.parameters.keys() - {"SIZE", "BODY"}:
            self._say(555, "5.5.4", "Unsupported parameter")
        elif path.parameters.get("SIZE", "").isdecimal() and int(path.parameters["SIZE"]) > MAX_MESSAGE_BYTES:
            self._say(552, "5.3.4", "Message too big")
        else:
            self._admit(path)

    def _admit(self, path: Path) -> None:
        over = self._messages >= self._host.messages_per_session
        objection = self._host.refuse_session(self._source) if over else self._host.refuse_mail(self._source)
        if objection is not None:
            self._answer(objection)
            return
        self._path = path
        self._say(250, "2.1.0", "OK")

    def _rcpt(self, command: Command) -> None:
        path = parse_path("RCPT", command.argument)
        if self._path is None:
            self._say(503, "5.5.1", "MAIL first")
        elif path is None or not path.mailbox:
            self._say(501, "5.5.4", "Syntax: RCPT TO:<address>")
        elif len(self._recipients) >= MAX_RECIPIENTS:
            self._say(452, "4.5.3", "Too many recipients")
        elif objection := self._host.refuse_recipient(self._source, self._path.mailbox, path.mailbox):
            self._answer(objection)
        else:
            self._recipients.append(path.mailbox)
            self._say(250, "2.1.5", "OK")

    def _data_command(self, _: Command) -> None:
        if not self._recipients:
            self._say(503, "5.5.1", "RCPT first")
            return
        self._in_data = True
        self._out.append(b"354 Go ahead\r\n")

    def _rset(self, _: Command) -> None:
        self._reset()
        self._say(250, "2.0.0", "OK")

    def _noop(self, _: Command) -> None:
        self._say(250, "2.0.0", "OK")

    def _vrfy(self, _: Command) -> None:
        self._say(252, "2.1.5", "Send some mail, I will try my best")

    def _quit(self, _: Command) -> None:
        self._say(221, "2.0.0", "Bye")
        self._then = Then.CLOSE

    def _unknown(self, _: Command) -> None:
        self._say(502, "5.5.1", "Unrecognized command")


_HANDLERS: dict[str, Callable[[Session, Command], None]] = {
    "EHLO": Session._hello,
    "HELO": Session._hello,
    "STARTTLS": Session._start_tls,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data_command,
    "RSET": Session._rset,
    "NOOP": Session._noop,
    "VRFY": Session._vrfy,
    "QUIT": Session._quit,
}


def unstuff(content: bytes) -> bytes:
    """Undo the dot-stuffing of mail data (RFC 5321, 4.5.2)."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n") if b"\r\n." in content else content
