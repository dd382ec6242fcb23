"""The plan file: read whole or left out, never half."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.plan_file import write_plan
from delivery.router.errors import PlanFileError
from delivery.router.plan import NO_PLAN, PathState, Peer, Plan, load_plan
from delivery.router.planfile import PlanFile
from tests.delivery.fleet_of_pools import Fleet
from tests.delivery.router_settings import FIRST, path

GOOD: dict[str, Any] = {
    "version": 1,
    "written_at": 1000,
    "pools": {"transactional": {FIRST: {"google": {"messages_per_hour": 60, "stage": 2, "day_left": None}}}},
    "peers": {"transactional": [{"node": "west-1", "next_hop": "[203.0.113.11]:11026", "isps": ["google"]}]},
}


def written(directory: Path, document: Any) -> Path:
    draft, file = directory / "draft", directory / "plan.json"
    draft.write_text(document if isinstance(document, str) else json.dumps(document))
    draft.rename(file)
    return file


def test_what_is_absent_is_as_the_static_share_has_it(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, GOOD))
    assert plan.paths == {path(FIRST): PathState(messages_per_hour=60, stage=2)}
    assert plan.peers["transactional"] == (
        Peer("west-1", "[203.0.113.11]:11026", isps=frozenset({"google"})),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"written_at": None},
        {"written_at": "NaN"},
        {"pools": {}, "peers": {"a": [{"node": "b", "next_hop": "relay"}]}},
        {"pools": [{"isp": "google"}]},
        {"pools": {"transactional": {FIRST: {"google": {"score": "good"}}}}},
        {"peers": {"transactional": [{"node": "x", "next_hop": "[1.2.3.4]:25 retry:x"}]}},
    ],
)
def test_another_shape_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(PlanFileError):
        load_plan(written(tmp_path, GOOD | change))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), json_values))
def test_anything_is_a_plan_or_refused(tmp_path_factory: pytest.TempPathFactory, change: Any) -> None:
    file = written(tmp_path_factory.getbasetemp(), GOOD | change)
    with suppress(PlanFileError):
        assert isinstance(load_plan(file), Plan)


def test_changes_are_followed_and_mistakes_keep_the_last_good_plan(tmp_path: Path) -> None:
    taken, told = list[Plan](), list[str]()
    follows = PlanFile(tmp_path / "plan.json", taken.append, lambda kind, _: told.append(kind))
    follows.look()
    assert (taken, told) == ([], [])
    file = written(tmp_path, GOOD)
    for _ in range(2):
        follows.look()
    assert [one.at for one in taken] == [1000]
    written(tmp_path, "{")
    for _ in range(2):
        follows.look()
    assert ([one.at for one in taken], told) == ([1000], ["trouble"])
    written(tmp_path, GOOD | {"written_at": 2000})
    follows.look()
    file.unlink()
    follows.look()
    assert taken[1].at == 2000
    assert taken[2] is NO_PLAN
    os.close(os.open(tmp_path / "plan.json", os.O_CREAT))
    follows.look()
    assert told == ["trouble", "plan", "trouble"]


def test_what_the_brain_writes_the_router_reads(tmp_path: Path) -> None:
    decided = Fleet(isps=("google", "yahoo")).decide().plan
    write_plan(decided, tmp_path / "plan.json")
    plan = load_plan(tmp_path / "plan.json")
    assert plan.at == decided.written_at
    assert plan.paths == {
        row.path: PathState(
            messages_per_hour=row.messages_per_hour,
            connections=row.connections,
            score=row.score,
            stage=row.stage,
            tokens=row.day_left,
            suspended_until=row.suspended_until,
        )
        for row in decided.rows
    }
