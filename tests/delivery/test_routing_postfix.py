"""The mechanics that the router builds on, on Debian's own Postfix: what the queue manager asks, and when."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleet.paths import cache_directory, project_root
from lab.image.build import image_id, image_root

pytestmark = pytest.mark.lab
PRIVATE = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
FIRST, SECOND = "198.51.100.21", "198.51.100.22"


def run_play(module: str, work: Path) -> dict[str, Any]:
    image = image_root(cache_directory(), image_id())
    if image is None:
        pytest.skip("the lab's image has not been built; `mtafleet lab image` builds it")
    done = subprocess.run(
        [*PRIVATE, *(sys.executable, "-m", f"tests.delivery.{module}"), *(str(image), str(work))],
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened with a stub in the router's place; one play for all tests."""
    return run_play("routing_play", tmp_path_factory.mktemp("play"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened with router and front; one play for all tests."""
    return run_play("live_play", tmp_path_factory.mktemp("live"))


def test_the_queue_manager_asks_once_a_recipient_and_others_never(played: dict[str, Any]) -> None:
    chosen = played["chooses"]
    assert chosen["code"] == "250"
    assert chosen["asked"] == ["first@quick.example", "first@slow.example"]


def test_the_answer_names_the_transport_and_the_recipients_domain_stays_the_destination(
    played: dict[str, Any],
) -> None:
    chosen = played["chooses"]
    assert (chosen["slow"], chosen["quick"]) == ([FIRST], [SECOND])  # the static map says `two` for both
    assert chosen["said"] == ["mx.slow.example[198.18.0.25]:25 2.0.0 sent (250 ok)"]


def test_a_resting_provider_refuses_no_submission_and_holds_up_nobody_else(played: dict[str, Any]) -> None:
    rests = played["not_yet"]
    assert set(rests["codes"]) == {"250"}
    assert rests["quick"] == [SECOND]
    assert rests["said"] == [["none 4.7.0 deferred (not yet: resting)"]] * 5


def test_each_try_asks_anew(played: dict[str, Any]) -> None:
    assert played["not_yet"]["later"] == [[SECOND]] * 5


def test_without_an_answer_mail_is_taken_and_waits(played: dict[str, Any]) -> None:
    dead = played["dead"]
    assert dead["code"] == "250"
    assert dead["said"] == ["none 4.3.0 deferred (address resolver failure)"]
    assert dead["later"] == [SECOND]


def test_one_late_answer_stops_the_queue_manager_but_no_submission(played: dict[str, Any]) -> None:
    slow = played["slow"]
    assert slow["codes"] == ["250", "250"]
    assert not slow["asked_meanwhile"]
    assert slow["later"] == [[SECOND], [SECOND]]


def test_only_the_same_sender_and_recipient_in_a_row_get_an_old_answer(played: dict[str, Any]) -> None:
    repeated = played["repeated"]
    assert repeated["same_sender"] == [FIRST, FIRST]
    assert repeated["other_sender"] == [SECOND]
    assert repeated["asked"] == 2


def test_a_paced_transport_can_fill_the_active_queue(played: dict[str, Any]) -> None:
    crowded = played["crowded"]
    assert set(crowded["codes"]) == {"250"}
    assert crowded["full"]
    assert not crowded["asked_meanwhile"]
    assert crowded["quick"] == [SECOND]


def test_mail_leaves_by_the_address_that_does_not_rest(live: dict[str, Any]) -> None:
    assert live["moves"]["moved"] == [[SECOND]] * 6


def test_with_all_addresses_resting_mail_is_taken_and_waits_and_no_other_providers_does(
    live: dict[str, Any],
) -> None:
    moves = live["moves"]
    assert set(moves["codes"]) == {"250"}
    assert moves["waits"] == ["none 4.7.0 deferred (mtafleet: not yet: each address rests at slow)"]
    assert moves["others"] == 1


def test_a_dead_router_stops_no_mail_and_wakes_no_resting_address(live: dict[str, Any]) -> None:
    dies = live["dies"]
    assert dies["codes"] == ["250", "250"]
    assert dies["waits"] == ["none 4.7.0 deferred (mtafleet: not yet: each address rests at slow)"]
    assert dies["others"] == 1


def test_waiting_mail_leaves_by_another_address_at_its_next_try(live: dict[str, Any]) -> None:
    assert live["dies"]["later"] == [[SECOND], [SECOND]]
