"""Collects this machine's figures into one file, again and again, at a cost that stays small."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failover.vitals.machine import PRESSURE_FILE, cpu_pressure_percent, free_percent
from failover.vitals.maillog import Rate
from failover.vitals.queues import read_queues

INTERVAL_SECONDS = 2.0
BUSY_SHARE = 0.05
"""Looking may take this share of the time: after a long look at a long queue the next one is later."""


@dataclass(frozen=True, slots=True)
class Places:
    spools: Path = Path("/var/spool")
    logs: Path = Path("/var/log/mtafleet")
    pressure: Path = PRESSURE_FILE
    written: Path = Path("/run/mtafleet-vitals/vitals.json")


@dataclass(slots=True)
class Collector:
    """`wall` tells the time since 1970; `monotonic` is comparable between processes of this machine."""

    places: Places
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _rates: dict[str, Rate] = field(default_factory=dict)

    def collect(self) -> dict[str, Any]:
        """The figures now, in the shape of the file (see `failover.vitals.reading`)."""
        now, wall = self.monotonic(), self.wall()
        queues = read_queues(self.places.spools, wall)
        spools = sorted(self.places.spools.glob("postfix-*"))
        return {
            "monotonic": now,
            "disk_free_percent": free_percent(spools),
            "cpu_pressure_percent": cpu_pressure_percent(self.places.pressure),
            "queues": {
                pool: {
                    "waiting": queue.waiting,
                    "untaken_seconds": queue.untaken_seconds,
                    "messages_per_hour": self._rate(pool, now),
                }
                for pool, queue in queues.items()
            },
        }

    def write(self, figures: dict[str, Any]) -> None:
        """Put the file in place as a whole."""
        new = self.places.written.with_suffix(".new")
        new.write_text(json.dumps(figures), encoding="utf-8")
        new.replace(self.places.written)

    def run(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Collect for ever; what cannot be written is written next time."""
        while True:
            began = self.monotonic()
            try:
                self.write(self.collect())
            except OSError as error:
                print(f"{self.places.written}: {error.strerror}", flush=True)
            sleep(max(INTERVAL_SECONDS, (self.monotonic() - began) / BUSY_SHARE))

    def _rate(self, pool: str, now: float) -> int | None:
        rate = self._rates.setdefault(pool, Rate(self.places.logs / f"postfix-{pool}.log"))
        rate.look(now)
        return rate.messages_per_hour(now)
