"""Where CPU time goes: cgroups of machines and their units, the senders, the computer as a whole."""

import os
import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups
from lab.ids import LabPaths

OTHER = "everything else"
UNITS: Mapping[str, str] = {
    "Postfix": "postfix@*.service",
    "HAProxy": "haproxy.service",
    "rspamd": "rspamd.service",
    "Dovecot": "dovecot.service",
    "Unbound": "unbound.service",
    "Knot": "knot.service",
    "failover daemon": "mtafleet-failover.service",
    "journal": "systemd-journald.service",
    "simulated providers": "mtafleet-world-isps.service",
    "simulated name servers": "mtafleet-world-*.service",
}
"""What units are called here; the first pattern that fits counts."""


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds used so far. `by_machine[machine][unit]` sums to all of that machine."""

    at: float
    by_machine: Mapping[str, Mapping[str, float]]
    senders: float
    """Of this process and those that it started and that have ended."""

    computer: float
    """Of the whole computer, whoever used it."""

    steal: float
    """Time in which the computer wanted to run and its host did not let it."""

    def since(self, earlier: "Reading") -> "Reading":
        """What was used between two readings; `at` is then the seconds between them."""
        used: dict[str, dict[str, float]] = {}
        for machine, units in self.by_machine.items():
            before = earlier.by_machine.get(machine, {})
            used[machine] = {unit: seconds - before.get(unit, 0.0) for unit, seconds in units.items()}
        return Reading(
            self.at - earlier.at,
            used,
            self.senders - earlier.senders,
            self.computer - earlier.computer,
            self.steal - earlier.steal,
        )

    def of(self, machines: Iterable[str], *, without: Iterable[str] = ()) -> float:
        """CPU seconds of these machines, some kinds of units left out."""
        left_out = set(without)
        return sum(
            seconds
            for machine in machines
            for unit, seconds in self.by_machine.get(machine, {}).items()
            if unit not in left_out
        )

    def by_unit(self, machines: Iterable[str]) -> dict[str, float]:
        """CPU seconds by kind of unit, over these machines."""
        found: dict[str, float] = {}
        for machine in machines:
            for unit, seconds in self.by_machine.get(machine, {}).items():
                found[unit] = found.get(unit, 0.0) + seconds
        return found


def read(paths: LabPaths, machines: Iterable[str]) -> Reading:
    """Read all counters now; a machine that does not run has none."""
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    computer, steal = _computer(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))
    return Reading(
        at=time.monotonic(),
        by_machine={name: _machine(paths, name) for name in machines},
        senders=sum(one.ru_utime + one.ru_stime for one in ours),
        computer=computer,
        steal=steal,
    )


def _machine(paths: LabPaths, name: str) -> dict[str, float]:
    group = cgroups.of_machine(paths, name)
    payload = group / "payload"
    if not payload.is_dir():
        return {}
    found: dict[str, float] = {}
    counted: set[Path] = set()
    for unit, pattern in UNITS.items():
        groups = [one for one in cgroups.units(group, pattern) if one not in counted]
        counted.update(groups)
        if groups:
            found[unit] = sum(map(_seconds, groups))
    return {**found, OTHER: _seconds(payload) - sum(found.values())}


def _seconds(group: Path) -> float:
    try:
        return cgroups.cpu_seconds(group)
    except FileNotFoundError:  # the unit has just ended
        return 0.0


def _computer(text: str, ticks_per_second: int) -> tuple[float, float]:
    """Busy and stolen seconds from /proc/stat: user, nice, system, irq and softirq are busy."""
    ticks = [int(word) for word in text.splitlines()[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = ticks[:8]
    return (user + nice + system + irq + softirq) / ticks_per_second, steal / ticks_per_second
