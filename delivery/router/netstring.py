"""The socketmap protocol: netstrings `LENGTH:CONTENT,`, a request holds `MAP KEY`. No sockets here."""

from delivery.router.errors import ProtocolError

MOST_BYTES = 4096
"""Of one request or reply. An address has 320 at most, a transport with its text some hundred."""
_MOST_DIGITS = len(str(MOST_BYTES))


class Netstrings:
    """Takes bytes as they arrive and gives whole contents; holds no more than one piece besides."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The contents that are complete now. Raises ProtocolError; nothing can be read after that."""
        buffer = self._buffer + data if self._buffer else data
        found = []
        start, end = 0, len(buffer)
        while start < end:
            colon = buffer.find(b":", start, start + _MOST_DIGITS + 1)
            if colon < 0:
                if end - start > _MOST_DIGITS or not buffer[start:].isdigit():
                    raise ProtocolError(f"no netstring begins with {buffer[start : start + 16]!r}")
                break
            after = colon + 1 + _length(buffer[start:colon])
            if after >= end:
                break
            if buffer[after] != 0x2C:
                raise ProtocolError("a netstring does not end with a comma")
            found.append(buffer[colon + 1 : after])
            start = after + 1
        self._buffer = buffer[start:]
        return found


def netstring(content: bytes) -> bytes:
    return b"%d:%b," % (len(content), content)


def split_request(content: bytes) -> tuple[str, str]:
    """(map, key). Keys may hold any bytes: those that are no UTF-8 are kept as surrogates."""
    name, space, key = content.partition(b" ")
    if not space:
        raise ProtocolError("a request has no key")
    return name.decode("utf-8", "surrogateescape"), key.decode("utf-8", "surrogateescape")


def _length(digits: bytes) -> int:
    if not digits.isdigit() or (len(digits) > 1 and digits.startswith(b"0")):
        raise ProtocolError(f"{digits!r} is no length")
    length = int(digits)
    if length > MOST_BYTES:
        raise ProtocolError(f"{length} bytes are more than {MOST_BYTES}")
    return length
