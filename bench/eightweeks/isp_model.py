"""The simulated ISPs' figures, fixed before anything but the naive approach was run on them.

`docs/isp-model.md` says what each means and where it comes from, and pins them by a fingerprint: who changes
a figure changes the comparison, and has to say so.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Receiver:
    """How one ISP treats one sending address."""

    share_of_mail: float
    fresh_per_hour: float
    """Borne from an address without history."""
    fresh_per_day: float
    growth: float
    """Of the usual day, what is borne in a day."""
    busy_hours: float
    """A day's volume may come within so many hours."""
    excess_harm_per_hour: float
    """Of the reputation (0 to 1), when all attempts of an hour exceed what is borne."""
    bounce_harm_per_hour: float
    """For each unit of the share of unknown recipients above 2 %."""
    complaint_harm_per_hour: float
    """For each unit of the share of complaints above 0.1 %."""
    block_below: float
    block_hours: float
    recovery_days: float
    """From nothing to full, of clean days."""
    spam_from: float
    """All goes to the inbox down to this reputation."""
    spam_all: float
    """From here on all goes to the spam folder."""
    reports_complaints: bool


_REACTIVE = Receiver(
    share_of_mail=0.45,
    fresh_per_hour=4500.0,
    fresh_per_day=2000.0,
    growth=2.0,
    busy_hours=4.0,
    excess_harm_per_hour=0.12,
    bounce_harm_per_hour=0.30,
    complaint_harm_per_hour=10.0,
    block_below=0.15,
    block_hours=24.0,
    recovery_days=35.0,
    spam_from=0.8,
    spam_all=0.2,
    reports_complaints=False,
)
RECEIVERS: Mapping[str, Receiver] = {
    "google": _REACTIVE,
    "microsoft-consumer": replace(_REACTIVE, share_of_mail=0.25, reports_complaints=True),
    "yahoo": replace(
        _REACTIVE,
        share_of_mail=0.20,
        fresh_per_hour=100.0,
        excess_harm_per_hour=0.06,
        reports_complaints=True,
    ),
    "gmx": replace(
        _REACTIVE,
        share_of_mail=0.10,
        fresh_per_hour=600.0,
        excess_harm_per_hour=0.06,
        block_below=0.25,
        block_hours=72.0,
    ),
}
SWEPT = (
    *("fresh_per_hour", "fresh_per_day", "growth", "busy_hours", "excess_harm_per_hour"),
    *("bounce_harm_per_hour", "complaint_harm_per_hour", "block_hours", "recovery_days"),
)
"""What the sweep halves and doubles, each by itself and for all ISPs."""


def fingerprint(receivers: Mapping[str, Receiver]) -> str:
    """SHA-256 over all figures."""
    told = repr([(name, sorted(asdict(one).items())) for name, one in sorted(receivers.items())])
    return hashlib.sha256(told.encode()).hexdigest()


def swept(receivers: Mapping[str, Receiver], figure: str, factor: float) -> Mapping[str, Receiver]:
    """All ISPs with one figure multiplied."""
    return {name: replace(one, **{figure: getattr(one, figure) * factor}) for name, one in receivers.items()}
