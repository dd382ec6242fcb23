"""A node is taken out of service on purpose while mail flows, and put back: nobody notices."""

import json

from tests.end_to_end.command import mtafleet, start
from tests.end_to_end.mail import account
from tests.end_to_end.system import NAME, System
from tests.end_to_end.watch import AnswerWatch

NODE = "east-2"
COUNT = 300
MESSAGES_PER_SECOND = 25
LOAD = ("--count", str(COUNT), "--rate", str(MESSAGES_PER_SECOND), "--messages-per-session", "2")


def test_a_node_is_drained_under_load_and_put_back_with_nothing_lost_or_refused(
    configured: System, answers: AnswerWatch, figures: dict[str, str]
) -> None:
    configured.await_steady()
    sender = start("lab", "send", "--json", *LOAD)
    drained = mtafleet("drain", NAME, NODE, "--reason", "a test", "--timeout", "60s", "--json")
    assert drained.status == 0, drained.text
    told = drained.json()
    assert (told["outcome"], told["queued"], told["sessions"]) == ("drained", 0, 0)

    status = mtafleet("status", NAME, "--json").json()
    assert [(one["node"], one["reason"]) for one in status["drained"]] == [(NODE, "a test")]
    assert {one["in_service_for"] for one in status["members"] if one["node"] == NODE} == {0}
    own = {str(one.address) for one in configured.fleet.node(NODE).sending}
    assert not any(addresses & own for addresses in answers.latest().values())
    assert [item for item in configured.queued() if item.node == NODE] == []

    back = mtafleet("undrain", NAME, NODE, "--json")
    assert back.status == 0, back.text
    assert configured.troubles() == []
    figures[f"{NODE} drained under load, and back in service after"] = (
        f"{told['seconds']:.1f} s, {back.json()['seconds']:.1f} s"
    )

    output, errors = sender.communicate(timeout=120)
    assert sender.returncode == 0, errors
    totals = account(configured, "transactional", json.loads(output)).totals
    assert (totals["attempted"], totals["accepted"]) == (COUNT, COUNT)
    assert (totals["lost"], totals["deferred"], totals["duplicated"], totals["unknown"]) == (0, 0, 0, 0)
    assert answers.empty() == []
