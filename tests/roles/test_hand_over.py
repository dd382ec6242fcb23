"""A queue is handed over between Debian's own Postfix instances, and the hand-over is killed on the way."""

import json
import re
from collections import Counter
from typing import Any

import dkim
import pytest

from failover.handover.work import SESSIONS_PER_PEER
from fleet.inventory import NodeModel
from tests.roles.plane import staged
from tests.roles.plane.handing import COUNT, PACED

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def played(east: NodeModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on the stage; one play for all tests."""
    return staged.played("tests.roles.plane.handing", east, tmp_path_factory.mktemp("handing"))


@pytest.fixture
def late(played: dict[str, Any]) -> list[dict[str, Any]]:
    """What arrived after the provider had stopped deferring."""
    found: list[dict[str, Any]] = played["received"][len(played["at_once"]) :]
    return found


def test_a_node_that_serves_hands_nothing_on(played: dict[str, Any]) -> None:
    assert played["deferred"]
    status, said = played["not_drained"]
    assert status == 2
    assert "a node that serves keeps its mail" in said


def test_the_listener_is_for_peers_and_for_mail_with_a_return_path(played: dict[str, Any]) -> None:
    greeting = [220, 250]
    assert played["may"] == {
        "peer": [*greeting, 250, 250],
        "no_peer": [*greeting, 250, 554],
        "application_host": [*greeting, 250, 554],
        "unsigned": [*greeting, 250, 554],
        "null_sender": [*greeting, 250, 554],
        "login": [*greeting, 503],
    }


def test_nothing_is_handed_to_a_peer_that_cannot_prove_its_name(played: dict[str, Any]) -> None:
    status, said = played["other_name"]
    told = json.loads(said)
    assert (status, told["handed"]) == (0, {})
    assert any("certificate" in one.lower() for one in told["problems"])
    assert played["still"] == COUNT


def test_a_kill_at_the_worst_moment_leaves_the_message_and_nothing_to_undo(played: dict[str, Any]) -> None:
    killed = played["killed"]
    assert (killed["sprung"], killed["skipped"], killed["taken"], killed["again"]) == (True, True, True, True)
    assert killed["second"][0] == 2
    assert "under way" in killed["second"][1]


def test_all_that_waits_is_handed_over(played: dict[str, Any]) -> None:
    status, said = played["handed"]
    told = json.loads(said)
    assert status == 0, said
    assert sum(told["handed"]["transactional"].values()) == COUNT
    assert (told["problems"], told["broken"], played["left"], played["empty"]) == ([], None, 0, True)


def test_mail_that_waits_for_its_first_attempt_goes_when_that_is_asked_for(played: dict[str, Any]) -> None:
    paced = played["paced"]
    assert paced["waits"]
    assert json.loads(paced["tried_only"][1])["handed"] == {}
    status, said = paced["untried"]
    told = json.loads(said)
    assert (status, told["problems"], told["broken"], paced["empty"]) == (0, [], None, True)
    went_by_itself = re.findall(r"to=<paced\d+@.*status=sent", played["logs"]["transactional"])
    assert sum(told["handed"]["transactional"].values()) == PACED - len(went_by_itself)


def test_nothing_is_lost_and_duplicates_are_those_of_the_kill(
    played: dict[str, Any], late: list[dict[str, Any]]
) -> None:
    arrived = Counter(re.findall(r"Subject: (number \d+)", "".join(one["content"] for one in late)))
    assert set(arrived) == {f"number {number}" for number in range(COUNT + PACED)}
    assert sum(arrived.values()) == COUNT + PACED + SESSIONS_PER_PEER


def test_a_message_keeps_its_return_path_and_its_one_signature(
    played: dict[str, Any], late: list[dict[str, Any]]
) -> None:
    assert len(re.findall("handed to mx-east-1", played["logs"]["transactional"])) >= COUNT
    senders = {one["sender"] for one in late}
    assert len(senders) == COUNT + PACED
    assert set(played["at_once"]) < senders  # of the message that was served in part
    for one in late:
        content = one["content"].encode("latin-1")
        assert one["encrypted"]
        assert content.count(b"DKIM-Signature:") == 1
        assert dkim.verify(content, dnsfunc=staged.public_key)
        assert re.fullmatch(r"bounce\+[0-9a-f]{30}@bounce\.shop\.example", one["sender"])


def test_recipients_that_were_served_are_not_served_again(late: list[dict[str, Any]]) -> None:
    assert {len(one["recipients"]) for one in late} == {1}


def test_mail_leaves_by_what_its_new_instance_decides(
    played: dict[str, Any], late: list[dict[str, Any]]
) -> None:
    assert {one["client"] for one in late if "later" in one["recipients"][0]} == {"198.51.100.41"}
    sent = re.findall(
        r"postfix-marketing/(\S+)/smtp\[.*to=<later\d+@(\S+)>.*status=sent", played["logs"]["marketing"]
    )
    routes = {(domain, transport) for transport, domain in sent}
    assert routes == {("gmail.com", "marketing-1-google"), ("hosted.example", "marketing-1-google")}
    assert "transactional-" not in played["logs"]["marketing"]


def test_everybody_is_well_afterwards(played: dict[str, Any]) -> None:
    for log in played["logs"].values():
        assert "fatal:" not in log
        assert "throttling" not in log
