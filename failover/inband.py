"""What clients' own sessions tell: this node's HAProxy says of each, as it ends, how much went through it.

HAProxy passes sessions on still encrypted, so it sees no 421 and no 451. But a session that ends after far
fewer bytes than others is one in which nothing was handed over. That proves nothing, and so it decides
nothing: it only says where to look at once. Anybody on this node may send such lines; all that he gets by it
is a few more probes.

A line is what HAProxy makes of the format `%b %s %ci %U %B`: backend, server, client, bytes from the client,
bytes to it.
"""

import socket
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable, Iterator
from statistics import median
from typing import NamedTuple

from failover.errors import ConfigError

MOST_DATAGRAMS = 2_000
"""Read at once; more than a node's front door ends in a tenth of a second."""
SHORT_SHARE = 0.75
"""A session is short with fewer of its client's bytes than this share of the usual. The greeting of TLS alone
is about 0.4 of a small message's whole session."""
REMEMBERED = 64
KNOWN = 8
"""Sessions after which it is known what is usual."""
FIRST_WAIT_SECONDS = 0.1
MOST_WAIT_SECONDS = 2.0
"""Between two looks at one target while sessions are short and it is well all the same."""
CALM_SECONDS = 10.0
"""Without short sessions for so long the next one is looked into at once."""
_DATAGRAM_BYTES = 512


class SessionEnd(NamedTuple):
    """One session through the front door."""

    backend: str
    server: str
    client: str
    """Its address."""
    client_bytes: int
    server_bytes: int


def parse_end(datagram: bytes) -> SessionEnd | None:
    """A line of HAProxy's; None for anything else, and for a session that no server got."""
    words = datagram.decode("ascii", errors="replace").split()
    if len(words) != 5 or words[1] == "<NOSRV>":
        return None
    try:
        return SessionEnd(words[0], words[1], words[2], int(words[3]), int(words[4]))
    except ValueError:
        return None


class Usual:
    """How much clients usually send in a session, by backend."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[int]] = {}
        self._sorted: dict[str, list[int]] = {}

    def is_short(self, end: SessionEnd) -> bool:
        """Whether next to nothing can have been handed over in this session; takes it in.

        Who connects and says nothing, as health checkers do, has had no session.
        """
        if end.client_bytes == end.server_bytes == 0:
            return False
        if end.server_bytes == 0:
            return True  # not a word from it: what is usual has nothing to learn
        known = self._sorted.get(end.backend, [])
        short = len(known) >= KNOWN and end.client_bytes < SHORT_SHARE * median(known)
        self._learn(end)
        return short

    def _learn(self, end: SessionEnd) -> None:
        latest = self._latest.setdefault(end.backend, deque())
        known = self._sorted.setdefault(end.backend, [])
        latest.append(end.client_bytes)
        insort(known, end.client_bytes)
        if len(latest) > REMEMBERED:
            del known[bisect_left(known, latest.popleft())]


class Patience:
    """How often a target is looked at for short sessions: seldom while each look finds it well."""

    def __init__(self) -> None:
        self._waits: dict[Hashable, tuple[float, float]] = {}
        """(when it was looked at last, seconds to wait from then)"""

    def may_look(self, target: Hashable, now: float) -> bool:
        """Whether a short session is worth a look now; if so, that look counts."""
        looked_at, wait_seconds = self._waits.get(target, (float("-inf"), 0.0))
        if now - looked_at < wait_seconds:
            return False
        if now - looked_at > CALM_SECONDS:
            wait_seconds = 0.0
        self._waits[target] = now, min(max(FIRST_WAIT_SECONDS, 2 * wait_seconds), MOST_WAIT_SECONDS)
        return True

    def was_bad(self, target: Hashable) -> None:
        """It was worth it: the next one is, too."""
        self._waits.pop(target, None)


class Ends:
    """The socket that HAProxy writes to."""

    def __init__(self, address: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.bind((address, port))
        except OSError as error:
            self.socket.close()
            raise ConfigError(f"haproxy.sessions_port: {address}:{port}: {error.strerror}") from None

    def take(self) -> Iterator[SessionEnd]:
        """What has come since."""
        for _ in range(MOST_DATAGRAMS):
            try:
                datagram = self.socket.recv(_DATAGRAM_BYTES)
            except OSError:
                return
            if (end := parse_end(datagram)) is not None:
                yield end

    def close(self) -> None:
        self.socket.close()
