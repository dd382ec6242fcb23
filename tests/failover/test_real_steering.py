"""The daemon's two actuators on Debian's own HAProxy and Knot."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fleet.paths import cache_directory, project_root
from lab.image.build import image_id, image_root

pytestmark = pytest.mark.lab
PRIVATE = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on the stage; one play for all tests."""
    image = image_root(cache_directory(), image_id())
    if image is None:
        pytest.skip("the lab's image has not been built; `mtafleet lab image` builds it")
    command = [
        sys.executable,
        "-m",
        "tests.failover.stage",
        str(image),
        str(tmp_path_factory.mktemp("stage")),
    ]
    done = subprocess.run(
        [*PRIVATE, *command], cwd=project_root(), capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_drained_server_gets_no_new_session_and_keeps_those_it_has(told: dict[str, Any]) -> None:
    haproxy = told["haproxy"]
    assert haproxy["drained"] is True
    assert haproxy["new sessions while drained"] == ["west-1"]
    assert haproxy["living session while drained"] == "east-1"
    assert haproxy["new sessions when ready"] is True


def test_orders_differ_from_what_is_and_maintenance_belongs_to_people(told: dict[str, Any]) -> None:
    haproxy = told["haproxy"]
    assert haproxy["weights"] == {"east-1": 256, "west-1": 1}
    assert haproxy["weights while coming back"] == [[25, 1], [128, 1], [256, 1]]
    assert haproxy["orders when all is so already"] == 0
    assert haproxy["orders against maintenance"] == [0, 0]
    assert "No such server" in haproxy["unknown server"]


def test_an_update_counts_only_with_the_key_and_from_what_was_observed(told: dict[str, Any]) -> None:
    knot = told["knot"]
    assert knot["after the first update"] == [["192.0.2.1", "192.0.2.2"], 5]
    assert knot["stale writer"] == "conflict"
    assert [knot[who] for who in ("wrong key", "no key", "other zone")] == ["refused"] * 3
    assert knot["after refusals"] == ["192.0.2.1", "192.0.2.2"]


def test_two_writers_at_once_lose_no_update(told: dict[str, Any]) -> None:
    knot = told["knot"]
    assert knot["addresses after the race"] == 2 + 20
    assert knot["serials spent"] == 20


def test_an_update_from_before_the_present_epoch_is_refused_by_knot_itself(told: dict[str, Any]) -> None:
    knot = told["knot"]
    assert (knot["epoch at first"], knot["epoch of the successor"]) == (None, 9)
    assert knot["late updates"] == ["conflict", "conflict"]
    assert knot["answers after late updates"] is True
    assert knot["successor"] == "taken"
    assert knot["serials rose"] == 3


def test_a_writer_changes_no_name_but_the_steered_ones(told: dict[str, Any]) -> None:
    assert told["knot"]["a name that is not steered"] == "refused"
