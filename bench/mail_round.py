"""One round of the mail comparison: hand over a number of messages, wait until they have arrived, add up."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import usage
from bench.arrivals import Arrivals
from bench.errors import BenchError
from bench.mail_figures import Layout, Round
from lab.ids import LabPaths
from lab.mail.process import SendOrder, SendProcess

POLL_SECONDS = 0.1
STALLED_SECONDS = 20.0
"""A round ends when nothing has arrived for so long, whatever is still on its way."""

StartSender = Callable[[SendOrder], SendProcess]


def run_round(
    side: str, order: SendOrder, start_sender: StartSender, paths: LabPaths, layout: Layout, events: Path
) -> Round:
    """Run one round; BenchError when the side takes no mail at all, or delivers none."""
    arrivals = Arrivals(events, order.plan.run)
    before = usage.read(paths, layout.machines)
    try:
        tally = _send(start_sender(order))
        if not tally["accepted"]:
            raise BenchError(f"{side} accepted no message: {tally['first_error'] or 'no answer'}")
        _await_arrivals(arrivals, tally["accepted"])
        if not arrivals.delivered:
            raise BenchError(f"{side} accepted {tally['accepted']} messages, and none of them arrived")
        used = usage.read(paths, layout.machines).since(before)
    finally:
        arrivals.close()
    began_at = tally["started_at"]
    return Round(
        side=side,
        attempted=tally["attempted"],
        accepted=tally["accepted"],
        delivered=len(arrivals.delivered),
        bounced=len(arrivals.bounced),
        deferrals=arrivals.deferrals,
        copies=arrivals.copies,
        verified=arrivals.verified,
        authenticated=arrivals.authenticated,
        seconds_to_accept=tally["finished_at"] - began_at,
        seconds_to_deliver=max(arrivals.last_at - began_at, POLL_SECONDS),
        used=used,
    )


def _send(process: SendProcess) -> dict[str, Any]:
    """Run the sender to its end; returns its last tally."""
    process.start()
    try:
        *_, last = process.tallies()
    except KeyboardInterrupt:
        process.stop()
        raise
    finally:
        process.close()
    return last


def _await_arrivals(arrivals: Arrivals, expected: int) -> None:
    seen, progress_at = -1, time.monotonic()
    while (now_seen := arrivals.read()) < expected:
        if now_seen > seen:
            seen, progress_at = now_seen, time.monotonic()
        elif time.monotonic() - progress_at > STALLED_SECONDS:
            return
        time.sleep(POLL_SECONDS)
