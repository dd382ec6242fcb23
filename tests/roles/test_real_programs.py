"""The mail plane on Debian's own programs: what clients, peers and strangers get from it."""

import re
from typing import Any

import dkim
import pytest

from fleet.inventory import NodeModel
from fleet.return_path import return_path_key, token_time
from tests.roles.plane import staged
from tests.roles.plane.canary import WAYS
from tests.roles.plane.play import ROLES

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def played(east: NodeModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened on the stage; one play for all tests."""
    return staged.played("tests.roles.plane.play", east, tmp_path_factory.mktemp("stage"))


def test_trees_are_rehearsed_installed_and_then_unchanged(played: dict[str, Any]) -> None:
    for role in ROLES:
        assert played["first"][role]["validation"] == "rehearsed"
        assert 0 < played["first"][role]["changed_total"] <= played["before"][role]["changed_total"]
        assert played["second"][role]["changed_total"] == 0
        assert played["second"][role]["actions"] == []


def test_who_may_send_what(played: dict[str, Any]) -> None:
    assert played["codes"] == {
        "smtps": "250",
        "submission": "250",
        "forged_header": "554",
        "forged_envelope": "553",
        "null_sender": "554",
        "no_login": "553",
        "other_pools_user": "535",
        "wrong_password": "535",
        "bounced": "250",
    }


def test_mail_leaves_encrypted_from_a_pool_address_under_its_name(played: dict[str, Any]) -> None:
    assert played["arrived"]
    for one in played["received"]:
        assert one["encrypted"]
        ordinal = {"198.51.100.21": 1, "198.51.100.22": 2}[one["client"]]
        assert one["helo"] == f"transactional-{ordinal}.east-1.fleet.example"


def test_signatures_verify_and_are_aligned(played: dict[str, Any]) -> None:
    for one in played["received"]:
        content = one["content"].encode("latin-1")
        assert dkim.verify(content, dnsfunc=staged.public_key)
        assert b"d=shop.example" in content
        unfolded = re.sub(rb"\r\n\s+", b" ", content)
        signed = re.search(rb"DKIM-Signature:.*? h=([^;]+);", unfolded)
        assert signed
        names = signed[1].replace(b" ", b"").split(b":")
        assert names.count(b"from") == 2  # oversigned
        assert b"list-unsubscribe" in names


def test_return_paths_are_our_own_and_aligned(played: dict[str, Any], east: NodeModel) -> None:
    key = return_path_key(east.secrets.tsig.secret.get_secret_value())
    senders = [one["sender"] for one in played["received"]]
    assert len(set(senders)) == len(senders)
    for sender in senders:
        local, _, domain = sender.partition("@")
        assert domain == "bounce.shop.example"
        assert token_time(local.removeprefix("bounce+"), key) is not None


def test_clients_stay_private(played: dict[str, Any]) -> None:
    for one in played["received"]:
        assert "app.test" not in one["content"]
        assert "198.51.100.11" not in one["content"].partition("\r\n\r\n")[0]


def test_a_bounce_comes_back_to_the_inbound_instance(played: dict[str, Any]) -> None:
    assert played["bounce_filed"]
    assert "nobody@gmail.com" in played["bounce"]
    assert "5.1.1" in played["bounce"]


def test_the_inbound_instance_takes_little_and_relays_nothing(played: dict[str, Any]) -> None:
    assert played["inbound"] == [250, 250, 250, 554, 554, 550, 550]


def test_the_probe_listener_answers_forever_and_takes_nothing(played: dict[str, Any]) -> None:
    assert played["probe"] == [250] * 201 + [554]


def test_the_log_has_the_whole_story_without_passwords(played: dict[str, Any]) -> None:
    assert len(re.findall(r"status=sent", played["log"])) >= 2
    assert len(re.findall(r"status=bounced", played["log"])) == 1
    assert "password-of" not in played["log"]


def test_a_nodes_own_messages_come_back_to_it_and_its_user_may_write_to_nobody_else(
    played: dict[str, Any],
) -> None:
    found = played["canaries"]
    assert found["taken by"] == dict.fromkeys(WAYS, "east-1.fleet.example")
    assert found["arrived"] == dict.fromkeys(WAYS, True)
    assert found["to a stranger"].startswith("RCPT TO: 554 5.7.1 <0-canary>")


def test_a_hang_is_noticed_and_leaves_nothing_behind(played: dict[str, Any]) -> None:
    hang = played["hang"]
    assert hang["stopped"] > 4  # the instances' masters, and sessions
    assert (hang["noticed"], hang["back"], hang["code"]) == (True, True, "250")
    assert "fatal:" not in played["log"]
    assert "throttling" not in played["log"]


def test_health_checkers_are_told_what_the_daemon_last_decided(played: dict[str, Any]) -> None:
    views = played["views"]
    assert views["nothing decided"] == [503, "west-1 is not in service: unknown\n"]
    assert views["in"] == [200, "west-1 is in service\n"]
    assert views["out"] == [503, "west-2 is not in service: out\n"]
    assert views["looked at only"] == [200, ""]
    assert views["no more"] == [503, "west-2 is not in service: unknown\n"]
    assert views["after a reload"] == [503, "west-1 is not in service: out\n"]


def test_views_are_of_others_and_for_checkers_only(played: dict[str, Any]) -> None:
    assert set(played["views"]["refused"].values()) == {404}, played["views"]["refused"]
    assert len(played["views"]["refused"]) == 6


def test_a_stranger_in_a_hurry_is_shut_out_and_no_checker(played: dict[str, Any]) -> None:
    assert played["views"]["a stranger in a hurry is refused"]
    assert played["views"]["a checker in a hurry"] == [200, "west-2 is in service\n"]
