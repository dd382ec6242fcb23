"""Spans of time as people write them: `90s`, `10m`, `2h`, `1h30m`."""

import re
from datetime import timedelta
from typing import Any

import click

_FORM = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
MOST_DAYS = 90


class Duration(click.ParamType[timedelta]):
    """A click type; values are timedeltas above zero."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = _FORM.fullmatch(str(value))
        if not value or match is None:
            self.fail(f"{value!r} is no span of time: write for instance 90s, 10m, 2h or 1h30m", param, ctx)
        days, hours, minutes, seconds = (min(int(part or 0), 10**7) for part in match.groups())
        found = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if not timedelta(0) < found <= timedelta(days=MOST_DAYS):
            self.fail(f"{value!r} is not between 1s and {MOST_DAYS}d", param, ctx)
        return found
