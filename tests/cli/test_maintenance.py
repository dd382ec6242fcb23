"""Draining and replacing: orders, agreement, refusals and what is undone, on a made-up fleet."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import cli.maintenance.machine
import cli.maintenance.replace
from cli.main import cli as mtafleet
from cli.maintenance.drain import checks_seconds
from cli.maintenance.durations import Duration
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.handover import HandedOver, Tiers, command_words, healthy_in, intention
from cli.maintenance.records import record, record_file
from cli.maintenance.work import AGREE_SECONDS, Busy, Request, Watch, drain, refusals, undrain
from failover.agreement import objections, others_out
from failover.orders import render_time
from failover.overview import Observer, overview
from fleet.handover import tiers
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.engine.urns import urn_in
from infra.ssh import Reply

NODES = ("east-1", "east-2", "west-1", "west-2")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
REQUEST = Request(
    node="east-1",
    owner="ada@ops-1",
    reason="new disk",
    since=NOON,
    until=NOON + timedelta(hours=2),
    timeout_seconds=60,
    floor_percent=50,
    dns_ttl_seconds=5,
)
QUIET = Busy({"orders": 0}, 0)


class FakeNodes:
    """Four nodes with one pool; every daemon heeds orders at once, unless a test says otherwise."""

    def __init__(self) -> None:
        self.ordered: dict[str, dict[str, str]] = {}
        self.sick: set[str] = set()
        self.silent_daemons: set[str] = set()
        self.stubborn: set[str] = set()
        """Daemons that keep everybody in service."""
        self.refusing: set[str] = set()
        """Nodes whose helper fails."""
        self.dns_stuck = False
        self.views_stuck: str | None = None
        """What east-2 tells health checkers of everybody, whatever is decided."""
        self.views_error: str | None = None
        self.busy_by_turns: list[Busy] = []
        self.rounds: list[HandedOver] = []
        """What rounds of a hand-over do; later ones find no peer."""
        self.said: list[str] = []

    def observers(self) -> Sequence[Observer]:
        return [self._observer(node) for node in NODES]

    def dns_names(self, node: str) -> Sequence[str]:
        named = self.dns_stuck or node not in self.ordered
        return [f"ns-east still answers orders with {node}"] if named else []

    def dns_lacks(self, node: str) -> Sequence[str]:
        return [f"ns-east does not answer orders with {node} yet"] if node in self.ordered else []

    def order(self, words: Sequence[str]) -> Mapping[str, Reply]:
        self.said.append(f"{words[0]} {words[1]}")
        if words[0] == "lift":
            self.ordered.pop(words[1], None)
        else:
            told = dict(zip(words[2::2], words[3::2], strict=True))
            self.ordered[words[1]] = {key.removeprefix("--"): value for key, value in told.items()}
        refused = Reply(exit_code=2, problem="error: no such file")
        return {node: refused if node in self.refusing else Reply("{}") for node in NODES}

    def busy(self, node: str) -> Busy:
        return self.busy_by_turns.pop(0) if self.busy_by_turns else QUIET

    def try_queue(self, node: str) -> None:
        self.said.append(f"try {node}")

    def hand_over(self, node: str, seconds: float, *, untried: bool) -> HandedOver:
        self.said.append(f"hand over {node} for {seconds:g}{', untried too' if untried else ''}")
        return self.rounds.pop(0) if self.rounds else HandedOver(problems=("west-1: Connection refused",))

    def routes(self, node: str) -> Mapping[str, Tiers]:
        return {"orders": [["east-2"], ["west-1", "west-2"]]}

    def _observer(self, name: str) -> Observer:
        if name in self.silent_daemons:
            return Observer(name, name.partition("-")[0], "mta", None, "no route to host")
        members = {node: {"relay": self._standing(name, node)} for node in NODES}
        servers = {
            f"orders/{node}": {
                "state": "ready" if members[node]["relay"]["in_service"] else "drain",
                "running": True,
            }
            for node in NODES
        }
        status: dict[str, Any] = {
            "doubt": None,
            "nodes": {node: {"silent": False} for node in NODES},
            "pools": {"orders": members},
            "haproxy": {"servers": servers},
            "views": self._views(name),
            "maintenance": {"error": None, "orders": dict(self.ordered)},
        }
        return Observer(name, name.partition("-")[0], "mta", status)

    def _views(self, observer: str) -> dict[str, Any]:
        stuck = self.views_stuck if observer == "east-2" else None
        told = {
            node: stuck or ("in" if self._standing(observer, node)["in_service"] else "out")
            for node in NODES
            if node != observer
        }
        return {"error": self.views_error, "nodes": told}

    def _standing(self, observer: str, node: str) -> dict[str, Any]:
        ordered = node in self.ordered
        kept = observer in self.stubborn
        return {
            "in_service": node not in self.sick and (kept or not ordered),
            "healthy": node not in self.sick,
            "reason": "taken out by ada, but kept because too few would be left" if ordered else "refused",
            "ordered_out": ordered,
        }


class Time:
    """A clock that goes on when somebody sleeps; `watch` is what commands are given."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told_at: list[tuple[float, str]] = []
        """What was said, and how long after the beginning."""
        self.watch = Watch(tell=self._tell, clock=lambda: self.now, sleep=self._sleep)

    @property
    def told(self) -> list[str]:
        return [line for _, line in self.told_at]

    def _tell(self, line: str) -> None:
        self.told_at.append((self.now - 100.0, line))

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def nodes() -> FakeNodes:
    return FakeNodes()


@pytest.fixture
def time() -> Time:
    return Time()


def test_a_drain_waits_for_old_answers_to_run_out_for_sessions_and_for_mail(
    nodes: FakeNodes, time: Time
) -> None:
    nodes.busy_by_turns = [Busy({"orders": 3}, 1)] * 5 + [Busy({"orders": 2}, 0, moving=2)] * 15
    done = drain(nodes, REQUEST, time.watch)
    assert done.outcome == "drained"
    assert done.seconds == pytest.approx(10.0)
    assert nodes.said == ["set east-1", "try east-1"]
    assert "east-1: 3 messages (3 in orders) and 1 sessions left" in time.told
    told = overview(nodes.observers()).orders
    assert [(one.node, one.reason, one.until, one.heeded_by) for one in told] == [
        ("east-1", "new disk", "2026-05-04T14:00:00Z", 4)
    ]


def test_an_idle_node_is_not_believed_before_old_answers_have_run_out(nodes: FakeNodes, time: Time) -> None:
    assert drain(nodes, REQUEST, time.watch).seconds == pytest.approx(REQUEST.dns_ttl_seconds)


def test_mail_that_does_not_leave_in_time_is_counted_and_the_node_stays_out(
    nodes: FakeNodes, time: Time
) -> None:
    nodes.busy_by_turns = [Busy({"orders": 7, "news": 1}, 0)] * 1000
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.busy.messages) == ("busy", 8)
    assert done.seconds == pytest.approx(REQUEST.timeout_seconds)
    assert "east-1" in nodes.ordered


HANDED = HandedOver({"orders": {"east-2": 3, "west-1": 1}})


def test_what_one_attempt_does_not_deliver_is_handed_over(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0, moving=5)] * 15 + [Busy({"orders": 4}, 0)]
    nodes.rounds = [HANDED]
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.handed) == ("drained", HANDED)
    assert nodes.said == ["set east-1", "try east-1", "hand over east-1 for 15"]
    assert "east-1: handed over 3 of orders to east-2, 1 of orders to west-1" in time.told


def test_nothing_is_handed_over_before_old_answers_have_run_out(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 4}, 0)] * 9
    drain(nodes, REQUEST, time.watch)
    assert nodes.said == ["set east-1", "try east-1"]


@pytest.mark.parametrize(
    "busy", [Busy({"orders": 4}, 1), Busy({"orders": 4}, 0, moving=1), Busy({"orders": 4}, 0, moving=4)]
)
def test_sessions_and_slow_attempts_keep_mail_for_half_of_the_time_only(
    nodes: FakeNodes, time: Time, busy: Busy
) -> None:
    nodes.busy_by_turns = [busy] * 61
    nodes.rounds = [HANDED]
    assert drain(nodes, REQUEST, time.watch).handed == HANDED
    assert nodes.said[2:] == ["hand over east-1 for 15, untried too"]
    handed_at = next(at for at, line in time.told_at if line.startswith("east-1: handed over"))
    assert handed_at == pytest.approx(REQUEST.timeout_seconds / 2)


def test_deferred_mail_waits_a_minute_at_most_for_slow_attempts(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 4}, 0, moving=1)] * 121
    nodes.rounds = [HANDED]
    drain(nodes, changed(REQUEST, timeout_seconds=600), time.watch)
    assert nodes.said[2:] == ["hand over east-1 for 15"]
    assert [at for at, line in time.told_at if "handed over" in line] == [pytest.approx(60.0)]


def test_what_no_peer_takes_in_time_stays_and_the_node_stays_out(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0)] * 1000
    nodes.rounds = [HANDED]
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.busy.messages) == ("busy", 9)
    assert done.seconds == pytest.approx(60)
    assert done.handed == changed(HANDED, problems=("west-1: Connection refused",))
    assert "east-1" in nodes.ordered
    rounds = [line for line in nodes.said if line.startswith("hand over")]
    assert (
        len(rounds) == 12
    )  # at once after one that gave something, every five seconds and a half after others
    assert rounds[-1] == "hand over east-1 for 4.5, untried too"


def test_a_node_that_had_to_stop_is_not_asked_again(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0)] * 1000
    nodes.rounds = [changed(HANDED, broken="4X was handed over and cannot be deleted here")]
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.handed.broken) == ("busy", "4X was handed over and cannot be deleted here")
    assert nodes.said[2:] == ["hand over east-1 for 15"]


def test_the_node_delivers_by_itself_when_that_is_asked_for(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0)] * 1000
    done = drain(nodes, changed(REQUEST, hand_over=False), time.watch)
    assert (done.outcome, done.handed.messages) == ("busy", 0)
    assert nodes.said == ["set east-1", "try east-1"]


def test_rounds_add_up() -> None:
    later = HandedOver({"orders": {"west-1": 2}, "news": {"west-1": 7}}, ("full",))
    assert HANDED.and_then(later) == HandedOver(
        {"orders": {"east-2": 3, "west-1": 3}, "news": {"west-1": 7}}, ("full",)
    )
    assert HANDED.and_then(later).messages == 13


def test_only_peers_that_everybody_holds_to_be_well_get_mail(nodes: FakeNodes) -> None:
    assert healthy_in(nodes.observers(), "orders") == set(NODES)
    nodes.sick = {"west-2"}
    nodes.ordered["east-1"] = {"owner": "ada", "reason": "r", "since": "s", "until": "u"}
    assert healthy_in(nodes.observers(), "orders") == {"east-2", "west-1"}
    nodes.silent_daemons = {"east-2"}
    assert healthy_in(nodes.observers(), "orders") == {"west-1"}
    assert healthy_in(nodes.observers(), "news") == set()


def test_peers_of_the_region_come_first() -> None:
    fleet = Fleet.of(load_environment("lab"))
    assert tiers(fleet, "east-1", "marketing", set(NODES)) == (("east-2",), ("west-1", "west-2"))
    assert tiers(fleet, "east-1", "marketing", {"west-2", "east-1"}) == (("west-2",),)
    assert tiers(fleet, "east-1", "marketing", {"east-1"}) == ()


def test_the_helper_is_told_tiers_and_seconds() -> None:
    found = {"orders": [["east-2"], ["west-1", "west-2"]], "news": []}
    words = "--route=orders=east-2/west-1,west-2"
    assert command_words(found, 15, untried=False) == f"--seconds=15.0 {words}"
    assert command_words(found, 15, untried=True) == f"--seconds=15.0 --untried {words}"
    assert command_words({"news": []}, 15, untried=False) == ""
    assert intention(found, {"orders": 3, "news": 1}) == [
        "3 of orders would go to east-2, then west-1 and west-2",
        "1 of news would go to nobody: no other node is well",
    ]


def test_a_drain_is_repeated_without_harm_and_keeps_its_beginning(nodes: FakeNodes, time: Time) -> None:
    drain(nodes, REQUEST, time.watch)
    later = changed(REQUEST, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))
    assert drain(nodes, later, time.watch).outcome == "drained"
    assert nodes.ordered["east-1"]["since"] == render_time(NOON)
    assert nodes.ordered["east-1"]["until"] == render_time(NOON + timedelta(hours=3))


def test_nothing_is_ordered_when_too_few_nodes_would_be_left(nodes: FakeNodes, time: Time) -> None:
    nodes.sick = {"west-1", "west-2"}
    with pytest.raises(
        MaintenanceError, match="orders would have 1 of 4 nodes in service, at least 2 must stay"
    ):
        drain(nodes, REQUEST, time.watch)
    assert nodes.said == []


def test_a_node_that_is_out_already_may_be_drained_while_the_others_suffice(nodes: FakeNodes) -> None:
    nodes.sick = {"east-1", "west-1"}
    assert objections(nodes.observers(), "east-1", 50) == []
    assert objections(nodes.observers(), "east-2", 50) != []


def test_nothing_is_ordered_while_a_daemon_cannot_be_asked(nodes: FakeNodes, time: Time) -> None:
    nodes.silent_daemons = {"west-2"}
    with pytest.raises(MaintenanceError, match="the daemon of west-2: no route to host"):
        drain(nodes, REQUEST, time.watch)
    assert nodes.said == []


def test_one_node_at_a_time_when_asked_for(nodes: FakeNodes) -> None:
    nodes.ordered["west-1"] = {"owner": "bob", "reason": "r", "since": "s", "until": "u"}
    assert others_out(nodes.observers(), "east-1") == ["west-1"]
    assert refusals(nodes.observers(), REQUEST) == []
    assert refusals(nodes.observers(), changed(REQUEST, alone=True)) == [
        "west-1 is not in service: one node at a time"
    ]


@pytest.mark.parametrize("what", ["stubborn", "dns", "views", "blocked", "refusing"])
def test_without_agreement_a_new_order_is_lifted_again(nodes: FakeNodes, time: Time, what: str) -> None:
    began = time.now
    if what == "stubborn":
        nodes.stubborn, said = {"west-1"}, "west-1: orders on east-1 is taken out by ada, but kept"
    elif what == "dns":
        nodes.dns_stuck, said = True, "ns-east still answers orders with east-1"
    elif what == "views":
        nodes.views_stuck, said = "in", "east-2 still tells health checkers that it serves"
    elif what == "blocked":
        nodes.views_error, said = "no answer", "west-1 still tells health checkers that it serves: no answer"
    else:
        nodes.refusing, said = {"west-1"}, "not every daemon took the order: west-1: error: no such file"
    with pytest.raises(MaintenanceError, match=said):
        drain(nodes, REQUEST, time.watch)
    assert nodes.ordered == {}
    assert time.now - began == pytest.approx(0 if what == "refusing" else AGREE_SECONDS)


def test_without_agreement_an_earlier_order_stands(nodes: FakeNodes, time: Time) -> None:
    drain(nodes, REQUEST, time.watch)
    nodes.dns_stuck = True
    with pytest.raises(MaintenanceError, match="The earlier order on it stands"):
        drain(nodes, REQUEST, time.watch)
    assert "east-1" in nodes.ordered


def test_undrain_waits_until_everybody_uses_the_node_and_may_be_repeated(
    nodes: FakeNodes, time: Time
) -> None:
    drain(nodes, REQUEST, time.watch)
    assert undrain(nodes, "east-1", 60, time.watch) == 0
    assert undrain(nodes, "east-1", 60, time.watch) == 0
    assert nodes.ordered == {}


def test_undrain_names_what_keeps_the_node_out(nodes: FakeNodes, time: Time) -> None:
    nodes.sick = {"east-1"}
    with pytest.raises(MaintenanceError, match="not back in service after 60 s: orders on east-1: refused"):
        undrain(nodes, "east-1", 60, time.watch)


@pytest.mark.parametrize("stuck", ["out", "unknown"])
def test_undrain_waits_until_health_checkers_are_told_by_all(
    nodes: FakeNodes, time: Time, stuck: str
) -> None:
    nodes.views_stuck = stuck
    with pytest.raises(MaintenanceError, match="east-2 does not tell health checkers yet that it serves"):
        undrain(nodes, "east-1", 60, time.watch)


def test_where_answers_hang_on_health_checkers_these_have_time_to_notice(
    nodes: FakeNodes, time: Time
) -> None:
    request = changed(REQUEST, checks_seconds=90, timeout_seconds=10)
    assert drain(nodes, request, time.watch).seconds == pytest.approx(90 + REQUEST.dns_ttl_seconds)
    assert undrain(nodes, "east-1", 60, time.watch, 90) == pytest.approx(90)


def test_health_checkers_notice_after_so_many_failed_checks() -> None:
    assert checks_seconds(Fleet.of(load_environment("staging"))) == 30 * 3
    assert checks_seconds(Fleet.of(load_environment("lab"))) == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1d", 86400)]
)
def test_spans_of_time_are_read(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "2 h", "h", "0s", "91d", "-1h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_the_urn_of_a_living_machine_is_found() -> None:
    def one(name: str, **more: object) -> dict[str, object]:
        urn = f"urn:pulumi:lab::mtafleet::mtafleet:index:Node$mtalab:index:Machine::{name}"
        return {"urn": urn, "type": "mtalab:index:Machine", **more}

    export = json.dumps({"deployment": {"resources": [one("east-1", delete=True), one("west-1")]}})
    assert urn_in(export, "mtalab:index:Machine", "east-1") is None
    found = urn_in(export, "mtalab:index:Machine", "west-1")
    assert found is not None
    assert found.endswith("Machine::west-1")
    assert urn_in(export, "mtalab:index:Disk", "west-1") is None
    assert urn_in('{"deployment": {}}', "mtalab:index:Machine", "west-1") is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in ("cli.runs", "cli.maintenance.records", "cli.maintenance.journal"):
        monkeypatch.setattr(f"{module}.state_directory", lambda environment: tmp_path / environment)
    return tmp_path / "lab" / "maintenance"


@pytest.fixture
def steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of a replacement as they are made; a test may put a failing one in."""
    made: list[str] = []
    monkeypatch.setattr(
        cli.maintenance.replace, "_run", lambda words: made.append(" ".join(words[:1] + words[-1:]))
    )
    monkeypatch.setattr(
        cli.maintenance.replace, "replace_machine", lambda fleet, node: made.append(f"machine {node}")
    )
    return made


def replace(*words: str) -> click.testing.Result:
    return CliRunner().invoke(mtafleet, ["replace", "lab", *words])


ALL_STEPS = ["drain 600s", "machine east-1", "configure east-1", "undrain east-1"]


def test_a_replacement_goes_through_its_steps_and_records_them(steps: list[str], folder: Path) -> None:
    done = replace("east-1", "--json")
    assert done.exit_code == 0, done.output
    assert steps == ALL_STEPS
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in lines] == [
        "drain done",
        "machine done",
        "configure done",
        "undrain done",
        "replaced",
    ]
    assert all(line["who"] and line["at"] and line["node"] == "east-1" for line in lines)
    assert not (folder / "replacing.json").exists()


def failing(raised: BaseException) -> Callable[[Fleet, str], None]:
    def work(fleet: Fleet, node: str) -> None:
        raise raised

    return work


@pytest.mark.parametrize(("raised", "status"), [(MaintenanceError("no room"), 1), (KeyboardInterrupt(), 130)])
def test_a_broken_off_replacement_is_taken_up_after_the_last_step_that_was_done(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(cli.maintenance.replace, "replace_machine", failing(raised))
        assert replace("east-1").exit_code == status
    other = replace("west-1")
    assert "the replacement of east-1" in str(other.exception)
    assert steps == ALL_STEPS[:1]
    assert replace("east-1").exit_code == 0
    assert steps == ALL_STEPS


def test_an_order_that_has_run_out_meanwhile_is_given_again(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(cli.maintenance.replace, "replace_machine", failing(MaintenanceError("no room")))
        assert replace("east-1").exit_code == 1
    late = datetime.now(UTC) + timedelta(hours=3)
    monkeypatch.setattr("cli.maintenance.journal.now", lambda: late)
    assert replace("east-1").exit_code == 0
    assert steps == [ALL_STEPS[0], *ALL_STEPS]


def test_a_rehearsal_replaces_nothing(steps: list[str], folder: Path) -> None:
    done = replace("east-1", "--dry-run")
    assert done.exit_code == 0
    assert steps == ["drain --dry-run"]
    assert not folder.exists()


def test_only_nodes_that_carry_mail_can_be_taken_out(steps: list[str]) -> None:
    done = replace("witness-1")
    assert "no node witness-1 that carries mail; there are east-1, east-2, west-1, west-2" in str(
        done.exception
    )
    assert steps == []


class Engine:
    """Takes down what is asked of the engine."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, replacing: str = "", adopted: frozenset[str] = frozenset()
    ) -> None:
        self.asked: list[str] = []
        self._replacing = replacing
        module = cli.maintenance.machine
        monkeypatch.setattr(module, "engine_environment", lambda environment: {})
        monkeypatch.setattr(module, "find_urn", lambda *_: "urn:x::east-1")
        monkeypatch.setattr(module, "run_engine", lambda _, words: self.asked.append(" ".join(words)))
        monkeypatch.setattr(AwsStack, "of", lambda environment, part: self)
        monkeypatch.setattr(module, "alone", lambda *_: nullcontext())
        monkeypatch.setattr(module, "take_up", lambda *_: adopted)
        monkeypatch.setattr(
            module, "up_on_aws", lambda _, part, words, drop_nodes: self.asked.append(" ".join(words))
        )
        monkeypatch.setattr(module, "_await_answer", lambda _, node: self.asked.append(f"await {node}"))

    name = "staging"

    def call(self, words: Sequence[str]) -> str:
        """As `AwsStack.call`."""
        if words[0] == "stack":
            machine = {"urn": "urn:x::east-1", "type": "aws:ec2/instance:Instance"}
            return json.dumps({"deployment": {"resources": [machine]}})
        self.asked.append(" ".join(words))
        return self._replacing


ONLY = "--target-replace urn:x::east-1 --target-dependents"


def test_in_a_lab_one_machine_and_what_hangs_on_it_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch)
    cli.maintenance.machine.replace_machine(Fleet.of(load_environment("lab")), "east-1")
    assert engine.asked == [f"up --yes --skip-preview --suppress-outputs {ONLY}"]


def test_on_aws_the_stack_says_meanwhile_which_node_takes_the_pinned_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(monkeypatch)
    cli.maintenance.machine.replace_machine(Fleet.of(load_environment("staging")), "east-1")
    assert engine.asked == [
        "config get mtafleet:replacing",
        "config set --path mtafleet:replacing[0] east-1",
        ONLY,
        "config rm mtafleet:replacing",
        "await east-1",
    ]


def test_on_aws_a_machine_that_a_killed_run_had_made_is_not_replaced_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(monkeypatch, adopted=frozenset({"urn:x::east-1"}))
    cli.maintenance.machine.replace_machine(Fleet.of(load_environment("staging")), "east-1")
    assert engine.asked[2] == ""


def test_on_aws_a_second_replacement_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, '["west-1"]')
    with pytest.raises(MaintenanceError, match="replace one node at a time"):
        cli.maintenance.machine.replace_machine(Fleet.of(load_environment("staging")), "east-1")
    assert engine.asked == ["config get mtafleet:replacing"]


def test_records_are_lines_that_say_who_when_and_why(folder: Path) -> None:
    record("lab", "drain", "east-1", "begun", reason="new disk")
    record("lab", "drain", "east-1", "drained", queued=0)
    first, second = (json.loads(line) for line in record_file("lab").read_text().splitlines())
    assert (first["command"], first["reason"], second["outcome"]) == ("drain", "new disk", "drained")
    assert "@" in first["who"]
