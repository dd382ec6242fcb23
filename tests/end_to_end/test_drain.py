"""A node is taken out of service on purpose while mail flows, and put back: nobody notices."""

import json

from tests.end_to_end.command import mtafleet, start
from tests.end_to_end.https import views_of
from tests.end_to_end.mail import account
from tests.end_to_end.system import NAME, WORLD, System, await_that
from tests.end_to_end.watch import AnswerWatch

NODE, OTHER = "east-2", "west-1"
COUNT = 320
MESSAGES_PER_SECOND = 20
LOAD = ("--count", str(COUNT), "--rate", str(MESSAGES_PER_SECOND), "--messages-per-session", "2")


def test_a_node_is_drained_under_load_and_put_back_with_nothing_lost_or_refused(
    configured: System, answers: AnswerWatch, figures: dict[str, str]
) -> None:
    configured.await_steady()
    await_that("health checkers are told that it serves", lambda: _answered(configured, NODE) == {200})
    sender = start("lab", "send", "--json", *LOAD)
    drained = mtafleet("drain", NAME, NODE, "--reason", "a test", "--timeout", "10m", "--json")
    assert drained.status == 0, drained.text
    told = drained.json()
    assert (told["outcome"], told["queued"], told["sessions"]) == ("drained", 0, 0)

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

    output, errors = sender.communicate(timeout=600)
    assert sender.returncode == 0, errors
    totals = account(configured, "transactional", json.loads(output)).totals
    assert (totals["attempted"], totals["accepted"]) == (COUNT, COUNT)
    assert (totals["lost"], totals["deferred"], totals["duplicated"], totals["unknown"]) == (0, 0, 0, 0)
    assert answers.empty() == []


def _answered(system: System, node: str) -> set[int]:
    """The statuses that health checkers get about a node, from all that they may ask."""
    return set(views_of(system, node).values())


def _named(system: System, answers: AnswerWatch) -> list[tuple[str, str]]:
    """The name servers, with the name, whose latest answer holds an address of the node: 2 x 4 in all."""
    node = system.fleet.node(NODE)
    own = {str(node.address), *(str(one.address) for one in node.sending)}
    return [asked for asked, addresses in answers.latest().items() if addresses & own]
