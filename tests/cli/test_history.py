"""`mtafleet history`: what nodes answer, merged by time."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.history import command, line, own_records, read_histories
from cli.maintenance.records import record_file
from failover.history import merged, read_history
from infra.ssh import Reply

SINCE = datetime(2026, 5, 4, 10, tzinfo=UTC)


def event(at: float, kind: str = "down", node: str = "west-1", **more: Any) -> dict[str, Any]:
    return {
        "at": at,
        "monotonic": 1.0,
        "observer": "east-1",
        "kind": kind,
        "node": node,
        "reason": "Gone.",
        **more,
    }


def written(file: Path, *events: dict[str, Any]) -> None:
    file.write_text("".join(json.dumps(one) + "\n" for one in events))


def test_acts_are_history_and_evidence_only_on_request(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    written(file, event(1), event(2, "suspect"), event(3, "dns_update", before={"n": ["a"]}))
    found = read_history(file)
    assert [one["at"] for one in found] == [1, 3]
    assert {one["by"] for one in found} == {"the daemon of east-1"}
    assert found[1]["before"] == {"n": ["a"]}
    assert "monotonic" not in found[0]
    assert [one["at"] for one in read_history(file, everything=True)] == [1, 2, 3]


def test_the_last_are_given_of_this_file_and_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    written(tmp_path / "events.jsonl.1", event(1), event(2, node="east-1"))
    written(file, event(3, by="ada"), event(4))
    with file.open("a") as stream:
        stream.write('{"at": 5, "kind": "do')
    assert [one["at"] for one in read_history(file)] == [1, 2, 3, 4]
    assert [one["at"] for one in read_history(file, limit=2)] == [3, 4]
    assert [one["at"] for one in read_history(file, node="west-1", since=2)] == [3, 4]
    assert read_history(file, since=3, limit=9)[0]["by"] == "ada"
    assert read_history(tmp_path / "nothing") == read_history(file, limit=0) == []


def test_histories_are_merged_by_time() -> None:
    replies = {
        "east-1": Reply("\n".join(json.dumps({"at": at, "reason": "x"}) for at in (1, 3))),
        "west-1": Reply(json.dumps({"at": 2, "reason": "y"})),
        "witness": Reply(problem="no route"),
        "app-1": Reply("oops"),
    }
    told, problems = read_histories(replies)
    assert [(one["at"], one["observer"]) for one in merged(told)] == [
        (1, "east-1"),
        (2, "west-1"),
        (3, "east-1"),
    ]
    assert problems == [
        "witness cannot be asked: no route",
        "app-1 cannot be asked: its answer is no JSON",
    ]


def test_what_is_asked_of_a_node_is_one_command() -> None:
    assert command(SINCE, 5, "west-1", everything=True) == (
        "/usr/local/bin/mtafleet-failover history "
        f"--since {int(SINCE.timestamp())} --limit 5 --node west-1 --everything"
    )


def test_commands_given_here_are_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.maintenance.records.state_directory", lambda _: tmp_path)
    assert list(own_records("lab", SINCE, None)) == []
    file = record_file("lab")
    file.parent.mkdir()
    record = {"who": "ada@ops-1", "command": "drain", "node": "west-1", "outcome": "done"}
    lines = [{**record, "at": f"2026-05-04T{hour}:00:00Z"} for hour in ("09", "11")]
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    (found,) = own_records("lab", SINCE, None)
    assert (found["by"], found["reason"]) == ("ada@ops-1", "drain west-1: done")
    assert list(own_records("lab", SINCE, "east-1")) == []


def test_a_line_says_who_what_and_from_what_to_what() -> None:
    entry = {
        "at": 0,
        "observer": "east-1",
        "kind": "maintenance",
        "reason": "west-1 is taken out.",
        "by": "ada@ops-1",
    }
    assert (
        line(entry) == "1970-01-01 00:00:00 east-1       maintenance    west-1 is taken out. (by ada@ops-1)"
    )
    moved = {**entry, "by": "the daemon of east-1", "before": "in service", "after": "out of service"}
    assert line(moved).endswith("west-1 is taken out. [in service -> out of service]")
