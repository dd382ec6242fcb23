"""Orders to HAProxy, against a fake runtime socket that behaves like the real one."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path

import pytest

from failover.config import Pool
from failover.decide import GroupKey, Standing
from failover.errors import HaproxyError
from failover.events import Events
from failover.frontdoor import FrontDoor
from failover.haproxy import (
    Order,
    RuntimeSocket,
    ServerKey,
    ServerState,
    give_orders,
    parse_states,
    plan_orders,
    read_states,
)
from failover.weights import plan_weights

HEADER = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state"
)
POOLS = {"orders": Pool(("orders_smtps", "orders_submission"), {}, 587)}
NODES = ("east-1", "west-1")


@dataclass
class FakeHaproxy:
    """Admin states by server, with HAProxy's bits: 1 maintenance by hand, 8 drained by hand."""

    admin: dict[ServerKey, int] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    broken: bool = False
    weights: dict[ServerKey, int] = field(default_factory=dict)

    async def __call__(self, command: str) -> str:
        if self.broken:
            raise HaproxyError("HAProxy cannot be reached")
        if command == "show servers state":
            rows = [
                f"3 {key.backend} 1 {key.server} 192.0.2.1 2 {bits} {self.weights.get(key, 10)} 10 5 6 3 4 6"
                for key, bits in self.admin.items()
            ]
            return "\n".join(["1", HEADER, *rows, ""])
        return "".join(self._set(one.strip()) for one in command.split(";"))

    def _set(self, command: str) -> str:
        self.commands.append(command)
        match command.split():
            case ["set", "server", where, "state", state]:
                key = ServerKey(*where.split("/"))
                if key not in self.admin:
                    return "No such server.\n\n"
                bits = {"ready": 0, "drain": self.admin[key] & ~1 | 8, "maint": self.admin[key] & ~8 | 1}
                self.admin[key] = bits[state]
                return "\n"
            case ["set", "server", where, "weight", weight]:
                self.weights[ServerKey(*where.split("/"))] = int(weight)
                return "\n"
            case ["shutdown", "sessions", "server", where] if ServerKey(*where.split("/")) in self.admin:
                return "\n"
        return "Unknown command.\n"


def haproxy() -> FakeHaproxy:
    return FakeHaproxy(
        {ServerKey(backend, node): 0 for backend in POOLS["orders"].backends for node in NODES}
    )


def plan(out: Mapping[str, str]) -> Mapping[GroupKey, Mapping[str, Standing]]:
    return {GroupKey("relay", "orders"): {node: Standing(in_service=node not in out) for node in NODES}}


def door(talk: FakeHaproxy, out: dict[str, str], events: Events | None = None) -> FrontDoor:
    return FrontDoor(talk, POOLS, lambda: plan(out), events or quiet_events())


def quiet_events() -> Events:
    return Events("east-1", None, stream=StringIO())


async def until(happened: Callable[[], bool]) -> None:
    """Let other tasks run until `happened`; they need no time, only turns."""
    for _ in range(100):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


async def test_a_node_out_of_service_is_drained_in_each_of_the_pools_backends() -> None:
    talk = haproxy()
    await door(talk, {"west-1": "down"}).reconcile()
    assert talk.commands == [
        "set server orders_smtps/west-1 state drain",
        "set server orders_submission/west-1 state drain",
    ]


async def test_what_is_so_already_is_not_ordered_again() -> None:
    talk = haproxy()
    for _ in range(2):
        await door(talk, {"west-1": "down"}).reconcile()
    assert len(talk.commands) == 2


async def test_a_node_back_in_service_is_made_ready() -> None:
    talk, out = haproxy(), {"west-1": "down"}
    front = door(talk, out)
    await front.reconcile()
    out.clear()
    await front.reconcile()
    assert set(talk.admin.values()) == {0}


async def test_maintenance_by_hand_is_left_alone() -> None:
    talk = haproxy()
    await talk("set server orders_smtps/west-1 state maint")
    talk.commands.clear()
    await door(talk, {}).reconcile()
    await door(talk, {"west-1": "down"}).reconcile()
    assert talk.commands == ["set server orders_submission/west-1 state drain"]


async def test_a_server_that_haproxy_lacks_is_no_reason_to_stop() -> None:
    talk = haproxy()
    del talk.admin[ServerKey("orders_smtps", "west-1")]
    await door(talk, {"west-1": "down"}).reconcile()
    assert talk.commands == ["set server orders_submission/west-1 state drain"]


async def test_a_refused_order_is_an_error_with_haproxys_words() -> None:
    with pytest.raises(HaproxyError, match="refused an order: No such server"):
        await give_orders(haproxy(), [Order(ServerKey("orders_smtps", "nobody"), False)])


async def test_one_event_per_node_says_what_was_ordered() -> None:
    events = quiet_events()
    await door(haproxy(), {"west-1": "down"}, events).reconcile()
    (event,) = events.recent
    assert (event["kind"], event["node"], event["state"]) == ("haproxy_set", "west-1", "drain")
    assert event["backends"] == ["orders_smtps", "orders_submission"]


async def test_drained_nodes_are_known_before_anything_is_decided() -> None:
    talk = haproxy()
    await talk("set server orders_smtps/west-1 state drain")
    assert await door(talk, {}).drained_nodes() == {"orders": frozenset({"west-1"})}
    talk.broken = True
    assert await door(talk, {}).drained_nodes() == {}


async def test_an_unreachable_haproxy_is_tried_again_until_it_is_back() -> None:
    talk = haproxy()
    talk.broken = True
    events = quiet_events()
    front = door(talk, {"west-1": "down"}, events)
    task = asyncio.create_task(front.run())
    await until(lambda: front.error is not None)
    assert [event["kind"] for event in events.recent] == ["trouble"]
    talk.broken = False
    front.wake()
    await until(lambda: front.error is None)
    task.cancel()
    assert talk.admin[ServerKey("orders_smtps", "west-1")] == 8


def test_states_are_read_by_the_names_of_their_columns() -> None:
    text = "1\n# srv_name be_name srv_op_state srv_admin_state srv_uweight\nwest-1 orders 0 9 256\n\n"
    (state,) = parse_states(text).values()
    assert (state.drained, state.in_maintenance, state.running, state.weight) == (True, True, False, 256)


@pytest.mark.parametrize("text", ["", "Permission denied\n", f"1\n{HEADER}\nshort row\n", "1\nno header\n"])
def test_an_answer_of_unknown_form_is_an_error(text: str) -> None:
    with pytest.raises(HaproxyError):
        parse_states(text)


async def test_orders_are_planned_from_what_is_read() -> None:
    states = await read_states(haproxy())
    key = ServerKey("orders_smtps", "east-1")
    assert plan_orders({key: True}, states) == ()
    assert plan_orders({key: False}, states) == (Order(key, False),)


async def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    with pytest.raises(HaproxyError, match=r"admin\.sock: HAProxy cannot be reached"):
        await RuntimeSocket(tmp_path / "admin.sock")("show info")


async def test_the_runtime_socket_sends_one_line_and_reads_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("failover.haproxy.SOCKET_TIMEOUT_SECONDS", 60.0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"you said " + await reader.readline())
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "admin.sock")
    async with server:
        assert await RuntimeSocket(tmp_path / "admin.sock")("show info") == "you said show info\n"


async def test_weights_come_before_the_server_is_made_ready_and_grow_with_its_standing() -> None:
    talk = haproxy()
    standing = {"west-1": Standing(in_service=False, weight_percent=0), "east-1": Standing()}
    front = FrontDoor(talk, POOLS, lambda: {GroupKey("relay", "orders"): standing}, quiet_events())
    await front.reconcile()
    talk.commands.clear()
    for percent in (10, 50, 100, 100):
        standing["west-1"] = Standing(weight_percent=percent)
        await front.reconcile()
    assert talk.commands == [
        "set server orders_smtps/west-1 weight 1",
        "set server orders_submission/west-1 weight 1",
        "set server orders_smtps/west-1 state ready",
        "set server orders_submission/west-1 state ready",
        "set server orders_smtps/west-1 weight 5",
        "set server orders_submission/west-1 weight 5",
        "set server orders_smtps/west-1 weight 10",
        "set server orders_submission/west-1 weight 10",
    ]


def test_no_server_in_service_is_left_with_nothing() -> None:
    key = ServerKey("orders_smtps", "west-1")
    plan = {GroupKey("relay", "orders"): {"west-1": Standing(weight_percent=10)}}
    states = {
        key: ServerState(drained=False, in_maintenance=False, running=True, weight=100, initial_weight=1)
    }
    assert [one.weight for one in plan_weights(plan, POOLS, states)] == [1]
    people = {key: replace(states[key], in_maintenance=True)}
    assert plan_weights(plan, POOLS, people) == ()
