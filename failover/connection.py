"""Sockets under SMTP probes, read in batches so that hundreds of probes a second cost next to nothing.

Two epoll sets: `alarm` wakes the event loop at once, for what must not wait (a connection that is made,
refused, reset or closed); `quiet` holds what may wait for the next tick (replies). The event loop only
watches the alarm set.
"""

import contextlib
import errno
import os
import select
import socket
from collections import deque
from collections.abc import Callable

from failover.decide import Check, Fault
from failover.smtp import Phase, SmtpProbe

_URGENT = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_READ_BYTES = 8192
MOST_DURATIONS = 20_000
"""Kept until somebody takes them; more than one tick can bring."""


class Connection:
    """One TCP connection that carries one SMTP probe; `closed` once the probe is over."""

    __slots__ = ("_pollers", "_socket", "at_once", "closed", "probe")

    def __init__(
        self, pollers: "Pollers", sock: socket.socket, probe: SmtpProbe, *, at_once: bool = False
    ) -> None:
        """`at_once`: its replies wait for no tick."""
        self._pollers = pollers
        self._socket = sock
        self.probe = probe
        self.at_once = at_once
        self.closed = False

    def urgent(self, now: float) -> None:
        """The alarm set reports this connection."""
        if self.probe.phase is Phase.CONNECT:
            self._finish_connect(now)
        else:
            self.readable(now)

    def readable(self, as_of: float) -> None:
        """Feed what has arrived; `as_of` is the earliest moment at which it may have arrived."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.probe.lost(*_why(error))
        else:
            if data:
                self.probe.received(data, as_of)
            else:
                self.probe.lost("the peer closed the connection")
        self.flush()

    def flush(self) -> None:
        """Send what the probe wants sent; close when it is over."""
        if output := self.probe.take_output():
            try:
                self._socket.send(output)
            except BlockingIOError:
                self.probe.lost("the peer takes no more data")
            except OSError as error:
                self.probe.lost(*_why(error))
        if self.probe.closing:
            self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._pollers.forget(self._socket.fileno())
            self._socket.close()

    def _finish_connect(self, now: float) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.probe.lost(*_why(OSError(code, os.strerror(code))))
            self.close()
            return
        self._pollers.established(self._socket.fileno(), at_once=self.at_once)
        self.probe.connected(now)


class Pollers:
    """The two epoll sets and the connections in them."""

    def __init__(self) -> None:
        self.alarm = select.epoll()
        self.quiet = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._durations: deque[tuple[Check, float]] = deque(maxlen=MOST_DURATIONS)
        self._readers: dict[int, Callable[[], None]] = {}

    def connect(
        self, address: str, port: int, source: str, probe: SmtpProbe, *, at_once: bool = False
    ) -> Connection:
        """Begin a connection; a failure that is known at once is left in the probe."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        connection = Connection(self, sock, probe, at_once=at_once)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind((source, 0))
            code = sock.connect_ex((address, port))
        except OSError as error:
            code = error.errno or errno.EIO
        if code not in (0, errno.EINPROGRESS):
            probe.lost(*_why(OSError(code, os.strerror(code))))
            connection.close()
            return connection
        self._connections[sock.fileno()] = connection
        self.alarm.register(sock.fileno(), select.EPOLLOUT | _URGENT)
        return connection

    def established(self, descriptor: int, *, at_once: bool) -> None:
        self.alarm.modify(descriptor, _URGENT | (select.EPOLLIN if at_once else 0))
        if at_once:
            return
        self.quiet.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        if self._connections.pop(descriptor, None) is not None:
            for poller in (self.alarm, self.quiet):
                with contextlib.suppress(OSError):
                    poller.unregister(descriptor)

    def read_at_ticks(self, descriptor: int, reader: Callable[[], None]) -> None:
        """Call `reader` in each tick that finds `descriptor` readable."""
        self._readers[descriptor] = reader
        self.quiet.register(descriptor, select.EPOLLIN)

    def handle_alarms(self, now: float) -> None:
        for descriptor, _ in self.alarm.poll(0):
            if connection := self._connections.get(descriptor):
                connection.urgent(now)

    def handle_replies(self, as_of: float) -> None:
        for descriptor, _ in self.quiet.poll(0):
            if connection := self._connections.get(descriptor):
                connection.readable(as_of)
            elif reader := self._readers.get(descriptor):
                reader()

    def note_durations(self, check: Check, seconds: list[float]) -> None:
        """How long answers took; empties `seconds`."""
        if seconds:
            self._durations.extend((check, one) for one in seconds)
            seconds.clear()

    def take_durations(self) -> list[tuple[Check, float]]:
        """All that was noted since the last call."""
        found = list(self._durations)
        self._durations.clear()
        return found

    def close(self) -> None:
        for connection in list(self._connections.values()):
            connection.probe.quit()
            connection.flush()
        self.alarm.close()
        self.quiet.close()


def _why(error: OSError) -> tuple[str, Fault]:
    return (error.strerror or str(error)).lower(), _FAULTS.get(error.errno or 0, Fault.GRAY)


_FAULTS = {
    errno.ECONNREFUSED: Fault.CRASH,
    errno.ECONNRESET: Fault.CRASH,
    errno.EPIPE: Fault.CRASH,
    errno.ETIMEDOUT: Fault.BLACK_HOLE,
    errno.EHOSTUNREACH: Fault.BLACK_HOLE,
    errno.ENETUNREACH: Fault.BLACK_HOLE,
}
