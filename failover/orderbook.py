"""The maintenance orders as this node's daemon has them: read again when the file has changed.

A file that cannot be read, or makes no sense, changes nothing: the orders that were read last stay. They are
kept in a file of the daemon's own, so that this holds over its restarts too.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from failover.config import MaintenanceFiles
from failover.errors import ConfigError
from failover.orders import Book, NodeOverride, Order, parse_book, render_book

_Mark = tuple[int, int, int]


def utc_now() -> datetime:
    """The wall clock: people write the ends of their orders by it."""
    return datetime.now(UTC)


class OrderBook:
    """Call `look()` now and then; `orders` are in force, `error` says why the file does not count."""

    def __init__(self, files: MaintenanceFiles | None, wall: Callable[[], datetime] = utc_now) -> None:
        self.error: str | None = None
        self._files = files
        self._wall = wall
        self._written = Book()
        self._mark: _Mark | None = None
        if files is not None:
            with contextlib.suppress(OSError, UnicodeDecodeError, ConfigError):
                self._written = parse_book(files.last_good.read_text(encoding="utf-8"))
        self.look()

    @property
    def orders(self) -> Mapping[str, Order]:
        """The orders in force now, by node."""
        return self._now().orders

    @property
    def overrides(self) -> Mapping[str, NodeOverride]:
        """The overrides in force now, by node."""
        return self._now().overrides

    @property
    def pause(self) -> Order | None:
        """The pause in force now."""
        return self._now().pause

    def _now(self) -> Book:
        return self._written.at(self._wall())

    def look(self) -> None:
        """Read the file if it is another one than last time. No file: no orders."""
        if self._files is None:
            return
        try:
            self._read(self._files)
        except OSError as error:
            self._refuse(self._files, error.strerror or str(error))
        except (ConfigError, UnicodeDecodeError) as error:
            self._refuse(self._files, str(error))

    def _read(self, files: MaintenanceFiles) -> None:
        try:
            with files.orders.open(encoding="utf-8") as stream:
                found = os.fstat(stream.fileno())
                mark = (found.st_mtime_ns, found.st_ino, found.st_size)
                if mark == self._mark:
                    return
                self._mark = mark
                book = parse_book(stream.read())
        except FileNotFoundError:
            self._mark, book = None, Book()
        self.error = None
        if book != self._written:
            self._written = book
            self._keep(files)

    def _keep(self, files: MaintenanceFiles) -> None:
        """A copy that cannot be written is missed only after a restart that finds a broken file."""
        fresh = files.last_good.with_name(f"{files.last_good.name}.new")
        with contextlib.suppress(OSError):
            fresh.write_text(render_book(self._written), encoding="utf-8")
            fresh.replace(files.last_good)

    def _refuse(self, files: MaintenanceFiles, why: str) -> None:
        self.error = f"{files.orders}: {why}; the orders that were read before stay in force"
