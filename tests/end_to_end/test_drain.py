"""A node is taken out of service on purpose while mail flows, and put back: nobody notices.

One provider takes no mail meanwhile, so that some waits on the node: its peers get it.
"""

import json
import re
from collections.abc import Iterator

import pytest

from tests.end_to_end.command import mtafleet, start
from tests.end_to_end.https import views_of
from tests.end_to_end.mail import account
from tests.end_to_end.system import NAME, WORLD, System, await_that
from tests.end_to_end.watch import AnswerWatch

NODE, OTHER = "east-2", "west-1"
POOL = "transactional"
COUNT = 400
MESSAGES_PER_SECOND = 20
LOAD = ("--count", str(COUNT), "--rate", str(MESSAGES_PER_SECOND), "--messages-per-session", "2")
DEFERRED_AT_LEAST = 3
ORDER_SECONDS = 3600


@pytest.fixture
def deferring(configured: System) -> Iterator[None]:
    """Google puts everything off, until the test is over or says otherwise."""
    order = {"provider": "google", "stage": "recipient", "reply": "451 4.3.2 Try again later"}
    configured.order_world(ask="order", seconds=ORDER_SECONDS, **order)
    try:
        yield
    finally:
        configured.order_world(ask="clear")


def test_a_node_is_drained_under_load_and_put_back_with_nothing_lost_or_refused(
    configured: System, deferring: None, answers: AnswerWatch, figures: dict[str, str]
) -> None:
    configured.await_steady()
    await_that("health checkers are told that it serves", lambda: _answered(configured, NODE) == {200})
    earlier = _handed(configured)
    sender = start("lab", "send", "--json", "--stream", POOL, *LOAD)
    await_that("mail waits on the node", lambda: _deferred(configured) >= DEFERRED_AT_LEAST)
    drained = mtafleet("drain", NAME, NODE, "--reason", "a test", "--timeout", "10m", "--json")
    assert drained.status == 0, drained.text
    told = drained.json()
    assert (told["outcome"], told["queued"], told["sessions"]) == ("drained", 0, 0)
    assert set(told["handed_over"]) == {POOL}
    given = sum(told["handed_over"][POOL].values())
    assert given >= DEFERRED_AT_LEAST

    for witness in ("west-1", "app-1"):
        seen = configured.daemon(witness)
        assert seen["maintenance"]["orders"][NODE]["reason"] == "a test"
        doors = {key: one["state"] for key, one in seen["haproxy"]["servers"].items()}
        assert {state for key, state in doors.items() if key.endswith(f"/{NODE}")} == {"drain"}
    assert _answered(configured, NODE) == {503}
    await_that("of another node they are told that it serves", lambda: _answered(configured, OTHER) == {200})
    for stranger in (WORLD, "app-1"):
        assert set(views_of(configured, NODE, configured.network(stranger)).values()) == {404}
    # The command has asked the name servers itself; what was seen of them here may be a moment older.
    await_that("no name server names the node", lambda: not _named(configured, answers))
    assert [item for item in configured.queued() if item.node == NODE] == []

    back = mtafleet("undrain", NAME, NODE, "--json")
    assert back.status == 0, back.text
    await_that("health checkers are told that it serves again", lambda: _answered(configured, NODE) == {200})
    await_that("all name servers name the node again", lambda: len(_named(configured, answers)) == 8)
    figures[f"{NODE} drained under load, and back in service after"] = (
        f"{told['seconds']:.1f} s, {back.json()['seconds']:.1f} s"
    )
    figures[f"messages that {NODE} handed over"] = str(told["handed_over"][POOL])

    output, errors = sender.communicate(timeout=600)
    assert sender.returncode == 0, errors
    handed = {path: taken for path, taken in _handed(configured).items() if path not in earlier}
    assert len(handed) == given
    peer, queue_id = next(iter(handed.values()))
    header = configured.inside(peer, "postcat", "-c", f"/etc/postfix-{POOL}", "-qh", queue_id)
    assert header.count("DKIM-Signature:") == 1

    configured.order_world(ask="clear")
    configured.flush()
    sent = account(configured, POOL, json.loads(output))
    totals = sent.totals
    assert (totals["attempted"], totals["accepted"]) == (COUNT, COUNT)
    assert (totals["lost"], totals["deferred"], totals["duplicated"], totals["unknown"]) == (0, 0, 0, 0)
    nodes = {str(one.address): one.node for one in configured.fleet.sending_addresses if one.pool == POOL}
    left = {event.sender: nodes[event.source] for event in sent.accepted if event.sender in handed}
    assert left == {path: peer for path, (peer, _) in handed.items()}
    assert answers.empty() == []


def _answered(system: System, node: str) -> set[int]:
    """The statuses that health checkers get about a node, from all that they may ask."""
    return set(views_of(system, node).values())


def _deferred(system: System) -> int:
    """How many messages of the pool wait on the node for a later attempt."""
    listing = system.inside(NODE, "postqueue", "-c", f"/etc/postfix-{POOL}", "-j")
    found = [json.loads(line) for line in listing.splitlines() if line.startswith("{")]
    return sum(one["queue_name"] == "deferred" for one in found)


def _handed(system: System) -> dict[str, tuple[str, str]]:
    """What peers took from the node, by their logs: return path -> (peer, queue id there)."""
    source = re.escape(str(system.fleet.node(NODE).address))
    found = {}
    for peer in system.others(NODE):
        log = system.inside(peer.name, "cat", f"/var/log/mtafleet/postfix-{POOL}.log")
        senders = dict(re.findall(r"/qmgr\[\d+\]: (\w+): from=<([^>]+)>", log))
        for queue_id in re.findall(rf"/handed/smtpd\[\d+\]: (\w+): client=\w+\[{source}\]", log):
            found[senders[queue_id]] = (peer.name, queue_id)
    return found


def _named(system: System, answers: AnswerWatch) -> list[tuple[str, str]]:
    """The name servers, with the name, whose latest answer holds an address of the node: 2 x 4 in all."""
    node = system.fleet.node(NODE)
    own = {str(node.address), *(str(one.address) for one in node.sending)}
    return [asked for asked, addresses in answers.latest().items() if addresses & own]
