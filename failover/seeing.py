"""The part of the configuration that says what else this node looks at: the key `seeing`.

{"vitals_file": "/run/mtafleet-vitals/vitals.json",           optional: null has no figures of its own
 "certificate_file": "/etc/mtafleet/tls/fullchain.pem",       optional: null looks at none
 "limits": {"least_disk_free_percent", "most_untaken_seconds",
            "most_waiting_messages", "most_cpu_pressure_percent"},
 "checks": {...}}                                             optional, see failover/checks/settings.py
"""

from dataclasses import dataclass, field
from pathlib import Path

from failover.checks.settings import CheckSettings, read_checks
from failover.decide import VitalLimits
from failover.fields import Fields

_MOST = 10**9


@dataclass(frozen=True, slots=True)
class Seeing:
    """As it stands nothing but probes is heeded."""

    vitals_file: Path | None = None
    certificate_file: Path | None = None
    limits: VitalLimits = field(default_factory=VitalLimits)
    checks: CheckSettings | None = None


def read_seeing(fields: Fields) -> Seeing:
    """The object under `seeing`; ConfigError names the key that is wrong."""
    seeing = Seeing(
        vitals_file=fields.path("vitals_file") if fields.has("vitals_file") else None,
        certificate_file=fields.path("certificate_file") if fields.has("certificate_file") else None,
        limits=_limits(fields.inner("limits")),
        checks=fields.optional("checks", read_checks),
    )
    fields.done()
    return seeing


def _limits(fields: Fields) -> VitalLimits:
    limits = VitalLimits(
        least_disk_free_percent=fields.whole("least_disk_free_percent", 0, 90),
        most_untaken_seconds=fields.whole("most_untaken_seconds", 1, _MOST),
        most_waiting_messages=fields.whole("most_waiting_messages", 1, _MOST),
        most_cpu_pressure_percent=fields.whole("most_cpu_pressure_percent", 1, 100),
    )
    fields.done()
    return limits
