"""Counting arrivals while the record of them is written."""

import json
from pathlib import Path

from bench.arrivals import Arrivals


def event(ledger_id: str, outcome: str = "accepted", *, checked: bool = False, at: float = 1.0) -> str:
    found = {"spf_aligned": True, "dkim_aligned": False} if checked else None
    told = {"at": at, "outcome": outcome, "ledger_id": ledger_id, "recipients": [], "authentication": found}
    return json.dumps(told) + "\n"


def test_only_the_runs_own_messages_since_it_began_count(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(event("r1-000001"))
    arrivals = Arrivals(path, "r1")
    with path.open("a") as file:
        file.write(event("r1-000002", checked=True, at=7.0) + event("r10-000003") + event("r1-000004"))
    assert arrivals.read() == 2
    assert arrivals.delivered == {"r1-000002", "r1-000004"}
    assert (arrivals.verified, arrivals.authenticated, arrivals.last_at) == (1, 1, 7.0)
    arrivals.close()


def test_a_line_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    arrivals = Arrivals(path, "r1")
    assert arrivals.read() == 0
    line = event("r1-000001")
    path.write_text(line[:20])
    assert arrivals.read() == 0
    with path.open("a") as file:
        file.write(line[20:])
    assert arrivals.read() == 1
    arrivals.close()


def test_bounces_copies_and_refusals_for_now_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    arrivals = Arrivals(path, "r1")
    refused = {**json.loads(event("", "rejected")), "recipients": ["ada.r1-000009@gmail.com"]}
    path.write_text(
        event("r1-000001") + event("r1-000001") + event("r1-000002", "deferred") + json.dumps(refused) + "\n"
    )
    assert arrivals.read() == 2
    assert (arrivals.copies, arrivals.deferrals, arrivals.bounced) == (1, 1, {"r1-000009"})
    arrivals.close()
