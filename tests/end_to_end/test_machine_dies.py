"""A machine with mail in its queues dies. Nothing that is run meanwhile brings it back into service before it
is back, and its mail is delivered when it is.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.api import machine
from tests.end_to_end.command import Done, mtafleet
from tests.end_to_end.configured import failures
from tests.end_to_end.mail import send, settled
from tests.end_to_end.system import NAME, System, await_that
from tests.end_to_end.watch import AnswerWatch

VICTIM = "east-1"  # one of the two name servers
OTHER_NAME_SERVER = "west-1"
EDITED = "west-2"
QUEUED = 60
ORDER_SECONDS = 6 * 3600  # far longer than all of this takes; it is lifted in the end


@dataclass(frozen=True, slots=True)
class Story:
    """What happened from the death of the machine until it was back in service."""

    sending: dict[str, Any]
    waiting_before: Counter[str]
    waiting_after: Counter[str]
    running_while_dead: bool
    preview: str
    configure: Done
    up: Done
    restored: Done
    answers: AnswerWatch
    out_at: float
    """When every living name server had stopped naming the victim."""
    boots_at: float
    doors_before: dict[str, set[str]]
    """Node -> the servers that its front door uses, after the death."""
    doors_seen: list[dict[str, set[str]]]
    """The same after everything was run, looked at until it was as before: programs take their time."""
    ledger: dict[str, int]


@pytest.fixture(scope="module")
def story(configured: System, figures: dict[str, str]) -> Iterator[Story]:
    """The providers take no mail at first, so that queues fill; then one machine loses its power."""
    configured.await_steady()
    configured.order_world(
        ask="order", provider="*", stage="connect", reply="421 4.3.2 Try again later", seconds=ORDER_SECONDS
    )
    try:
        with AnswerWatch(configured) as answers:
            yield _live_through(configured, answers, figures)
    finally:
        configured.order_world(ask="clear")
        if not _running(VICTIM):
            machine.start(configured.paths, VICTIM)
        configured.await_steady()


def _live_through(system: System, answers: AnswerWatch, figures: dict[str, str]) -> Story:
    # A session each, so that the front door spreads them evenly.
    sending = send("transactional", QUEUED, 20, "--messages-per-session", "1")
    await_that("every message waits in a queue", lambda: len(_waiting(system)) == QUEUED)
    before = _waiting(system, VICTIM)
    doors = _doors(system)
    killed_at = time.monotonic()
    machine.kill(system.paths, VICTIM)
    await_that("no name server names the dead", lambda: _is_out(system, answers, killed_at))
    out_at = time.monotonic()
    figures["DNS without the dead machine after"] = f"{out_at - killed_at:.1f} s"
    doors = _doors_until(system, {node: _without_victim(all_doors) for node, all_doors in doors.items()})[-1]
    running_while_dead = _running(VICTIM)

    # Front door and name server are made to reload, which is when a dead node could come back.
    system.inside(EDITED, "sed", "-i", "$a # edited by hand", "/etc/haproxy/haproxy.cfg")
    system.inside(OTHER_NAME_SERVER, "sed", "-i", "$a # edited by hand", "/etc/knot/knot.conf")
    configure = mtafleet("configure", NAME, "--json")
    up = mtafleet("up", NAME)
    doors_seen = _doors_until(system, doors)

    preview = mtafleet("preview", NAME, "--diff", "--refresh").text
    boots_at = time.monotonic()
    restored = mtafleet("up", NAME, "--refresh")
    system.await_steady()
    figures["killed machine back in service after `up --refresh`"] = f"{time.monotonic() - boots_at:.1f} s"
    # While a queue manager starts, a listing of its queue has gaps.
    listings: list[Counter[str]] = []

    def listed() -> bool:
        listings.append(_waiting(system, VICTIM))
        return len(listings[-1]) >= len(before)

    await_that("the victim lists its queue", listed)
    system.order_world(ask="clear")
    system.flush()
    ledger = settled(system, str(sending["run"]))
    return Story(
        sending=sending,
        waiting_before=before,
        waiting_after=listings[-1],
        running_while_dead=running_while_dead,
        preview=preview,
        configure=configure,
        up=up,
        restored=restored,
        answers=answers,
        out_at=out_at,
        boots_at=boots_at,
        doors_before=doors,
        doors_seen=doors_seen,
        ledger=ledger["totals"],
    )


def test_a_dead_machine_reads_as_not_running(story: Story) -> None:
    assert not story.running_while_dead
    assert re.search(r"running\s*: false => true", story.preview), story.preview


def test_the_name_servers_never_give_an_empty_answer(story: Story) -> None:
    assert len(story.answers.answers) > 100
    assert story.answers.empty() == []


def test_configure_reports_the_dead_node_and_finishes_the_others(story: Story) -> None:
    assert story.configure.status == 1, story.configure.text
    assert failures(story.configure).keys() == {VICTIM}, story.configure.output
    nodes = story.configure.json()["nodes"]
    assert nodes[VICTIM]["unreachable"]
    assert nodes[EDITED]["changed"], "the front door was to be put right"
    assert nodes[OTHER_NAME_SERVER]["changed"], "the name server was to be put right"


def test_up_without_a_look_at_the_machines_changes_nothing(story: Story) -> None:
    assert story.up.status == 0, story.up.text
    assert re.search(r"Resources:\s+\d+ unchanged\s", story.up.text), story.up.text


def test_neither_brings_the_dead_back_into_dns(story: Story, configured: System) -> None:
    dead = _addresses(configured, VICTIM)
    meanwhile = [
        one for one in story.answers.since(story.out_at) if one.at < story.boots_at and one.server != VICTIM
    ]
    assert len(meanwhile) > 50
    assert [one for one in meanwhile if one.addresses & dead] == []


def test_neither_brings_the_dead_back_into_a_front_door(story: Story) -> None:
    for doors in (story.doors_before, *story.doors_seen):
        assert len(doors) == 4
        for node, used in doors.items():
            assert used == _without_victim(used), (node, used)
    assert all(story.doors_before.values()), story.doors_before
    assert story.doors_seen[-1] == story.doors_before


def test_a_look_at_the_machines_boots_the_same_disk_with_its_queue(story: Story) -> None:
    assert story.restored.status == 0, story.restored.text
    assert story.waiting_before
    assert story.waiting_after == story.waiting_before


def test_nothing_is_lost(story: Story) -> None:
    assert story.ledger["accepted"] == QUEUED, story.sending
    assert (story.ledger["lost"], story.ledger["deferred"], story.ledger["duplicated"]) == (0, 0, 0)


def _waiting(system: System, node: str | None = None) -> Counter[str]:
    """Test messages in queues, by their ids."""
    return Counter(item.ledger_id for item in system.queued() if item.ledger_id and node in (None, item.node))


def _addresses(system: System, node: str) -> frozenset[str]:
    found = system.fleet.node(node)
    return frozenset([str(found.address), *(str(one.address) for one in found.sending)])


def _is_out(system: System, answers: AnswerWatch, killed_at: float) -> bool:
    dead = _addresses(system, VICTIM)
    latest = {
        (one.server, one.name): one.addresses
        for one in answers.since(killed_at)
        if one.server == OTHER_NAME_SERVER
    }
    names = len(system.fleet.pools) + 1
    return len(latest) == names and not any(addresses & dead for addresses in latest.values())


def _doors(system: System, *, used_only: bool = False) -> dict[str, set[str]]:
    """Living node -> the servers its front door has, or those alone that it would send a session to."""
    names = [node.name for node in system.others(VICTIM)]
    if system.fleet.application is not None:
        names.append(system.fleet.application.name)
    return {
        name: {
            server
            for server, one in system.daemon(name)["haproxy"]["servers"].items()
            if not used_only or (one["running"] and one["state"] == "ready")
        }
        for name in names
    }


def _without_victim(servers: set[str]) -> set[str]:
    return {server for server in servers if not server.endswith(f"/{VICTIM}")}


def _doors_until(system: System, wanted: dict[str, set[str]]) -> list[dict[str, set[str]]]:
    """Every look at the front doors until they are as `wanted`."""
    looks: list[dict[str, set[str]]] = []

    def as_wanted() -> bool:
        looks.append(_doors(system, used_only=True))
        return looks[-1] == wanted

    await_that("the front doors use what they used before", as_wanted)
    return looks


def _running(name: str) -> bool:
    listed = json.loads(mtafleet("lab", "machines", "--json").output)
    return bool(next(one for one in listed if one["name"] == name)["running"])
