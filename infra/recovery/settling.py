"""How long AWS's lists are not believed: they may still leave out what was made a moment ago."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.aws_stack import AwsStack
from infra.recovery.state import written

SETTLE_SECONDS = 60.0
"""How long after a creating call AWS may still not show what it made."""
_TOLD_IN_SECONDS = timedelta(seconds=2)
"""The history tells times in whole seconds; the state, written just before a run ends, tells more."""


def unsettled_seconds(document: Mapping[str, Any]) -> float:
    """For how much longer AWS may not show what was asked for when the state was last written; 0: no longer.

    The engine writes the state before each creating call and after it.
    """
    age = (datetime.now(UTC) - written(document)).total_seconds()
    return min(max(SETTLE_SECONDS - age, 0.0), SETTLE_SECONDS)


def unsettled_after_a_bad_end(stack: AwsStack, document: Mapping[str, Any]) -> float:
    """The same, 0 when the stack's last run ended well: then every answer had come.

    A run that was killed is in no history, though it has written the state.
    """
    seconds = unsettled_seconds(document)
    if seconds <= 0 or not document["deployment"].get("resources"):
        return 0.0
    history = json.loads(stack.call(["stack", "history", "--json", "--page-size", "1"]) or "[]")
    return 0.0 if _ended_well(history, written(document)) else seconds


def _ended_well(history: list[Mapping[str, Any]], state: datetime) -> bool:
    if not history or history[0].get("result") != "succeeded" or not history[0].get("endTime"):
        return False
    return state <= datetime.fromisoformat(str(history[0]["endTime"])) + _TOLD_IN_SECONDS
