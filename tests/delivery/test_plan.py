"""The file between brain and router: what is written is read; what is malformed is refused."""

import json
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import pytest

from delivery.brain.memory_json import parse_memory
from delivery.brain.plan import Plan, parse_plan, render_plan
from delivery.errors import PlanError, StateError
from delivery.plan_file import read_plan, write_plan
from tests.delivery.fleet_of_pools import Fleet


def plan() -> Plan:
    fleet = Fleet(isps=("google", "yahoo"))
    return fleet.decide().plan


def test_what_is_written_is_read(tmp_path: FilePath) -> None:
    file = tmp_path / "plan.json"
    write_plan(plan(), file)
    assert read_plan(file) == plan()
    later = replace(plan(), written_at=plan().written_at + 1)
    write_plan(later, file)
    assert read_plan(file) == later
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]


def test_the_file_is_by_pool_address_and_isp() -> None:
    told = json.loads(render_plan(plan()))
    assert told["version"] == 1
    row = told["pools"]["marketing"]["192.0.2.1"]["google"]
    assert set(row) == {
        *("step", "messages_per_hour", "connections", "pause_seconds", "day_left", "suspended_until"),
        *("score", "standing", "service", "stage", "carries", "reason", "since"),
    }
    assert row["carries"] == ["transactional", "notification", "marketing"]


def changed(**changes: Any) -> str:
    told = json.loads(render_plan(plan()))
    told["pools"]["marketing"]["192.0.2.1"]["google"].update(changes)
    return json.dumps(told)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        '{"version": 1}',
        changed(step=-1),
        changed(messages_per_hour=1.5),
        changed(score=101),
        changed(standing="royal"),
        changed(carries=["love letters"]),
        changed(surprise=1),
        changed(reason=""),
        changed(suspended_until="soon"),
        render_plan(plan()).replace('"version":1', '"version":2'),
        render_plan(plan())[:-20],
    ],
)
def test_a_malformed_plan_is_refused(text: str, tmp_path: FilePath) -> None:
    with pytest.raises(PlanError):
        parse_plan(text)
    file = tmp_path / "plan.json"
    file.write_text(text)
    with pytest.raises(PlanError, match=r"plan\.json"):
        read_plan(file)


def test_an_address_in_two_pools_is_refused() -> None:
    told = json.loads(render_plan(plan()))
    told["pools"]["transactional"] = told["pools"]["marketing"]
    with pytest.raises(PlanError, match="two of them"):
        parse_plan(json.dumps(told))


def test_a_missing_plan_is_told_by_its_name(tmp_path: FilePath) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize("text", ["", "{}", '{"version":7,"paths":[],"addresses":{},"doubted":[]}'])
def test_a_malformed_memory_is_refused(text: str) -> None:
    with pytest.raises(StateError):
        parse_memory(text)
