"""The file that the collector writes, as the daemon reads it: taken as a whole or not at all.

{"monotonic": 812.4,                                  when it was written, seconds since boot
 "disk_free_percent": 81, "cpu_pressure_percent": 12,  null: not known
 "queues": {"orders": {"waiting": 3, "untaken_seconds": 0, "messages_per_hour": 1200}}}
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from failover.certificates import certificate_end
from failover.decide import QueueFigures, Vitals
from failover.errors import ConfigError
from failover.fields import Fields

STALE_SECONDS = 30.0
"""Older figures prove nothing any more; a look at a queue of a million messages is faster."""
LOOK_SECONDS = 1.0
CERTIFICATE_SECONDS = 30.0
LAG_SECONDS = 10.0
"""How late the loop runs is averaged over about this time."""
MOST_LAG_SECONDS = 0.5
"""So much of one late tick counts: a machine that stood still once is not starved afterwards."""
MOST_BYTES = 65_536
_MOST = 2**31 - 1


class VitalsReader:
    """Call `look` each tick: it reads the file once a second and keeps the average of how late ticks are.

    `clock` is monotonic, `wall` tells seconds since 1970.
    """

    def __init__(
        self,
        file: Path | None,
        clock: Callable[[], float],
        certificate_file: Path | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.error: str | None = None
        self.vitals: Vitals | None = None
        self._file, self._clock = file, clock
        self._looked_at = float("-inf")
        self._began = clock()
        self._lag_seconds = 0.0
        self._certificate_file, self._wall = certificate_file, wall
        self._certificate_end: float | None = None
        self._certificate_read_at = float("-inf")

    def look(self, lag_seconds: float, tick_seconds: float) -> bool:
        """Whether there are figures other than before."""
        late = min(lag_seconds, MOST_LAG_SECONDS)
        self._lag_seconds += (tick_seconds + late) / LAG_SECONDS * (late - self._lag_seconds)
        now = self._clock()
        if self._file is None or now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        before, self.vitals = self.vitals, self._read(self._file, now)
        return self.vitals != before

    def _read(self, file: Path, now: float) -> Vitals:
        own = Vitals(
            lag_milliseconds=round(self._lag_seconds * 100) * 10,
            certificate_seconds=self._certificate_seconds(now),
        )
        try:
            written_at, vitals = parse_vitals(_text(file))
        except ConfigError as error:
            self.error = f"{file}: {error}"
            if now - self._began < STALE_SECONDS:
                self.error = None  # the collector may not have begun yet
            return own
        if not 0 <= now - written_at <= STALE_SECONDS:
            self.error = f"{file}: nothing new for {now - written_at:.0f} s"
            return own
        self.error = None
        return vitals._replace(
            lag_milliseconds=own.lag_milliseconds, certificate_seconds=own.certificate_seconds
        )

    def _certificate_seconds(self, now: float) -> int | None:
        """Until it expires, in whole minutes: a report that changes is sent and read anew."""
        if self._certificate_file is None:
            return None
        if now - self._certificate_read_at >= CERTIFICATE_SECONDS:
            self._certificate_read_at = now
            self._certificate_end = certificate_end(self._certificate_file)
        if self._certificate_end is None:
            return None
        return int((self._certificate_end - self._wall()) // 60 * 60)


def parse_vitals(text: str) -> tuple[float, Vitals]:
    """When the file was written, and what it says; ConfigError when any part of it makes no sense."""
    try:
        fields = Fields(json.loads(text), "")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {error}") from None
    written_at = fields.number("monotonic", 0, float(_MOST))
    vitals = Vitals(
        disk_free_percent=_maybe(fields, "disk_free_percent", 0, 100),
        cpu_pressure_percent=_maybe(fields, "cpu_pressure_percent", 0, 100),
        queues=fields.mapping("queues", _queue),
    )
    fields.done()
    return written_at, vitals


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"is larger than {MOST_BYTES} bytes")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is no text: {error}") from None


def _queue(value: object, path: str) -> QueueFigures:
    fields = Fields(value, path)
    queue = QueueFigures(
        waiting=fields.whole("waiting", 0, _MOST),
        untaken_seconds=fields.whole("untaken_seconds", 0, _MOST),
        messages_per_hour=_maybe(fields, "messages_per_hour", 0, _MOST),
    )
    fields.done()
    return queue


def _maybe(fields: Fields, key: str, low: int, high: int) -> int | None:
    return fields.whole(key, low, high) if fields.has(key) else None
