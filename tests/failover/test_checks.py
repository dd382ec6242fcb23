"""Slow checks: when they are made, what they find in a world with real failures, and what comes of it."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path

import dns.rcode
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from failover.checks import exchangers, runner
from failover.checks.authority import NameServerCheck
from failover.checks.blocklists import BlockList, Reading, question, read_codes
from failover.checks.board import WAY_OUT, Board, Finding, State
from failover.checks.exchangers import WayOut
from failover.checks.resolving import Lookup
from failover.checks.reverse import ReverseName
from failover.checks.runner import Checks
from failover.checks.served import ServedCertificate
from failover.checks.settings import PlannedAnswer, Server
from failover.checks.timetable import TARGET_SECONDS, Timetable
from failover.errors import FailoverError, LookUpError
from failover.events import Events
from fleet.checks import observers
from tests.failover.test_vitals import certificate_with_key
from tests.failover.world import NameServerOnLoopback, exchanger, name_server

ADDRESS, NAME = "198.51.100.21", "orders-1.east-1.fleet.example"
POINTER = "21.100.51.198.in-addr.arpa"
ZONE = "list.example"


class Fixed:
    """A check that finds what the test puts in; counts its looks."""

    def __init__(self, name: str, target: str = "t", interval_seconds: float = 10.0) -> None:
        self.name, self.target, self.interval_seconds = name, target, interval_seconds
        self.found: list[Finding] = []
        self.error: FailoverError | None = None
        self.looks = 0

    async def look(self) -> list[Finding]:
        self.looks += 1
        if self.error:
            raise self.error
        return self.found


def test_checks_keep_their_interval_and_their_distance_at_one_target() -> None:
    checks = [Fixed(f"c{number}", "same", 5.0) for number in range(3)] + [Fixed("other", "other", 2.0)]
    timetable = Timetable("east-1", checks, 0.0)
    begun: dict[str, list[float]] = {one.name: [] for one in checks}
    at_target: list[float] = []
    for tick in range(600):
        now = tick * 0.1
        for number, check in timetable.due(now):
            timetable.done(number)
            begun[check.name].append(now)
            if check.target == "same":
                at_target.append(now)
    assert all(later - sooner >= TARGET_SECONDS - 1e-6 for sooner, later in pairwise(at_target))
    assert [len(begun[f"c{number}"]) for number in range(3)] == [12, 11, 12]
    assert len(begun["other"]) in (29, 30)


def test_the_schedule_is_the_same_on_each_start_and_another_on_another_node() -> None:
    def begun(observer: str) -> list[tuple[float, str]]:
        timetable = Timetable(observer, [Fixed(f"c{number}", f"t{number}") for number in range(5)], 0.0)
        return [(now, one.name) for now in range(20) for _, one in timetable.due(float(now))]

    assert begun("east-1") == begun("east-1")
    assert begun("east-1") != begun("west-1")


def test_a_look_that_takes_long_is_not_begun_again_meanwhile() -> None:
    timetable = Timetable("east-1", [Fixed("slow", interval_seconds=1.0)], 0.0)
    ((number, _),) = timetable.due(50.0)
    assert timetable.due(99.0) == []
    timetable.done(number)
    assert len(timetable.due(100.0)) == 1


NODES = [f"node-{number}" for number in range(12)]


@given(st.text(min_size=1, max_size=20), st.sampled_from(NODES))
def test_three_observers_a_target_and_few_change_when_a_node_goes(target: str, gone: str) -> None:
    before = observers(target, NODES, 3)
    after = observers(target, [one for one in NODES if one != gone], 3)
    assert len(set(before)) == len(set(after)) == 3
    assert len(set(before) - set(after)) == (gone in before)
    assert observers(target, NODES[::-1], 3) == before


def test_a_subject_is_bad_after_two_looks_and_good_after_one() -> None:
    told: list[str] = []
    board = Board(lambda one: told.append(one.said))
    bad, good = (Finding("c", "s", state, state) for state in (State.BAD, State.GOOD))
    states = []
    for one in (bad, bad, good, bad, good, bad, bad, bad):
        board.note(one, 0.0)
        states.append(board.rows["c", "s"].finding.state)
    assert states == ["unknown", "bad", "good", "good", "good", "good", "bad", "bad"]
    assert told == ["bad", "good", "bad"]


def test_what_could_not_be_found_out_changes_no_verdict_and_is_told_as_such() -> None:
    checks = Checks("east-1", [], Events("east-1", None, StringIO()), lambda: 5.0)
    check = Fixed("lookup")

    async def look() -> dict[tuple[str, str], State]:
        await checks._look(0, check)
        return {key: row.finding.state for key, row in checks.board.rows.items()}

    async def story() -> None:
        check.found = [Finding("c", "s", State.GOOD, "fine")]
        await look()
        check.error = LookUpError("the resolver is away")
        assert await look() == {("c", "s"): State.GOOD, ("look", "lookup"): State.UNKNOWN}
        check.error = None
        assert await look() == {("c", "s"): State.GOOD}

    asyncio.run(story())


def test_the_runner_makes_each_check_and_records_what_is_news() -> None:
    events = Events("east-1", None, StringIO(), clock=lambda: 0.0)
    now = 0.0
    checks = [Fixed("one", "a"), Fixed("two", "b")]
    for one in checks:
        one.found = [Finding(one.name, "subject", State.BAD, f"{one.name} is broken", "east-1")]

    async def story() -> None:
        nonlocal now
        made = Checks("east-1", list(checks), events, lambda: now)
        for moment in (30.0, 60.0):
            now = moment
            made.begin()
            await made.settle()

    asyncio.run(story())
    assert [one.looks for one in checks] == [2, 2]
    assert sorted(str(one["reason"]) for one in events.recent) == [
        "One, one is broken.",
        "Two, two is broken.",
    ]


def in_world(story: Callable[[NameServerOnLoopback, Lookup], Awaitable[None]]) -> None:
    async def run() -> None:
        async with name_server() as server:
            await story(server, Lookup("127.0.0.1", server.port))

    asyncio.run(run())


async def only(check: ReverseName | BlockList | WayOut | NameServerCheck | ServedCertificate) -> Finding:
    (found,) = await check.look()
    return found


def test_an_address_and_its_name_have_to_name_each_other() -> None:
    async def story(server: NameServerOnLoopback, lookup: Lookup) -> None:
        check = ReverseName("east-1", ADDRESS, NAME, lookup)
        assert (await only(check)).said == f"{ADDRESS} is called nothing, not {NAME}"
        server.put(POINTER, "PTR", "host.provider.example.")
        assert (await only(check)).said == f"{ADDRESS} is called host.provider.example, not {NAME}"
        server.put(POINTER, "PTR", f"{NAME}.")
        server.put(NAME, "A", "198.51.100.99")
        assert (await only(check)).said == f"{NAME} has 198.51.100.99, not {ADDRESS}"
        server.put(NAME, "A", ADDRESS)
        assert (await only(check)).state is State.GOOD
        server.rcodes[POINTER] = dns.rcode.SERVFAIL
        with pytest.raises(LookUpError, match="could not find out"):
            await check.look()

    in_world(story)


def test_a_resolver_that_is_silent_is_told_as_such() -> None:
    async def story(server: NameServerOnLoopback, _: Lookup) -> None:
        server.mute = True
        with pytest.raises(LookUpError, match=r"gave no answer within 0\.2 s"):
            await Lookup("127.0.0.1", server.port, lifetime_seconds=0.2)("mx.example.", "A")

    in_world(story)


@pytest.mark.parametrize(
    ("codes", "reading"),
    [
        ([], Reading.ABSENT),
        (["127.0.0.2"], Reading.LISTED),
        (["127.0.0.10", "127.0.0.4"], Reading.LISTED),
        (["127.255.255.254"], Reading.REFUSED),
        (["127.0.0.2", "127.255.255.255"], Reading.REFUSED),
        (["93.184.216.34"], Reading.NONSENSE),
        (["127.0.0.2", "10.0.0.1"], Reading.NONSENSE),
    ],
)
def test_codes_of_block_lists_are_read_rightly(codes: list[str], reading: Reading) -> None:
    assert read_codes(codes) is reading


def test_a_listing_counts_only_on_a_list_that_works() -> None:
    async def story(server: NameServerOnLoopback, lookup: Lookup) -> None:
        check = BlockList("east-1", ADDRESS, ZONE, lookup)
        asked = question(ADDRESS, ZONE).rstrip(".")
        assert asked == f"21.100.51.198.{ZONE}"
        assert (await only(check)).state is State.UNKNOWN, "it does not even list what every list lists"
        server.put(f"2.0.0.127.{ZONE}", "A", "127.0.0.2")
        assert (await only(check)).state is State.GOOD
        server.put(asked, "A", "127.0.0.3")
        server.put(asked, "TXT", '"see https://list.example/why"')
        found = await only(check)
        assert found.state is State.BAD
        assert found.said == f'{ADDRESS} is on {ZONE}: 127.0.0.3, "see https://list.example/why"'
        server.put(asked, "A", "127.255.255.254")
        found = await only(check)
        assert (found.state, found.said) == (
            State.UNKNOWN,
            f"{ZONE} answers 127.255.255.254: it does not answer this resolver",
        )
        server.put(asked, "A", "127.0.0.3")
        server.put(f"1.0.0.127.{ZONE}", "A", "127.0.0.3")
        assert "so everything" in (await only(check)).said

    in_world(story)


def test_one_exchanger_that_answers_is_a_way_out_and_sees_banner_and_quit_only() -> None:
    async def story(server: NameServerOnLoopback, lookup: Lookup) -> None:
        server.put("gone.example", "MX", "10 mx.gone.example.")
        server.put("mx.gone.example", "A", "127.0.0.9")
        server.put("big.example", "MX", "20 b.big.example.", "10 a.big.example.")
        server.put("a.big.example", "A", "127.0.0.1")
        server.put("b.big.example", "A", "127.0.0.1")
        async with exchanger(b"220-big\r\n220 ready\r\n") as big:
            check = WayOut(
                "east-1", "orders", "127.0.0.5", ("gone.example", "big.example"), lookup, port=big.port
            )
            found = await only(check)
            assert (found.state, found.said) == (
                State.GOOD,
                "from 127.0.0.5 a.big.example answers: says '220 ready'",
            )
            assert big.sources == ["127.0.0.5"]
            assert big.heard == [b"QUIT"]
            server.asked.clear()
            await check.look()
            assert server.asked[0] == ("big.example", "MX"), "domains take turns"
            assert "b.big.example" in (await only(check)).said, "and so do a domain's exchangers"

    in_world(story)


@pytest.mark.parametrize(
    ("banner", "said"),
    [
        (b"554 5.7.1 Your address is blocked\r\n", "says '554 5.7.1 Your address is blocked'"),
        (b"HTTP/1.1 400 Bad Request\r\n", "ends the connection without an SMTP banner"),
        (None, "connects and says nothing within 0.2 s"),
    ],
)
def test_what_answers_wrongly_is_no_way_out(banner: bytes | None, said: str) -> None:
    async def story(server: NameServerOnLoopback, lookup: Lookup) -> None:
        server.put("big.example", "MX", "10 a.big.example.")
        server.put("a.big.example", "A", "127.0.0.1")
        async with exchanger(banner) as big:
            check = WayOut(
                "east-1",
                "orders",
                "127.0.0.5",
                ("big.example",),
                lookup,
                port=big.port,
                answer_seconds=30.0 if banner else 0.2,
            )
            found = await only(check)
        assert (found.state, found.said) == (
            State.BAD,
            f"from 127.0.0.5 no exchanger answers: a.big.example {said}",
        )

    in_world(story)


def test_a_look_at_exchangers_that_are_all_silent_ends_in_time() -> None:
    assert exchangers.MOST_TRIED * exchangers.ANSWER_SECONDS <= runner.LONGEST_SECONDS * 0.7

    async def story(server: NameServerOnLoopback, lookup: Lookup) -> None:
        domains = [f"p{number}.example" for number in range(6)]
        for domain in domains:
            server.put(domain, "MX", f"10 mx.{domain}.")
            server.put(f"mx.{domain}", "A", "127.0.0.1")
        async with exchanger(None) as silent:
            check = WayOut(
                "east-1", "orders", "127.0.0.5", domains, lookup, port=silent.port, answer_seconds=0.05
            )
            said = (await only(check)).said
        assert said.count("says nothing") == exchangers.MOST_TRIED

    in_world(story)


def test_a_look_that_takes_too_long_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failover.checks.runner.LONGEST_SECONDS", 0.05)

    class Endless(Fixed):
        async def look(self) -> list[Finding]:
            await asyncio.Event().wait()
            return []

    async def story() -> dict[tuple[str, str], str]:
        checks = Checks("east-1", [], Events("east-1", None, StringIO()), lambda: 5.0)
        await checks._look(0, Endless("lookup"))
        return {key: row.finding.said for key, row in checks.board.rows.items()}

    assert asyncio.run(story()) == {("look", "lookup"): "it was not done within 0.05 s"}


def test_a_refusal_or_an_address_that_is_not_ours_is_no_way_out_and_no_exchanger_says_nothing() -> None:
    async def story(server: NameServerOnLoopback, lookup: Lookup) -> None:
        server.put("big.example", "MX", "10 a.big.example.")
        server.put("a.big.example", "A", "127.0.0.1")
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # nobody else gets it, nobody listens
            port = closed.getsockname()[1]
            refused = WayOut("east-1", "orders", "127.0.0.5", ("big.example",), lookup, port=port)
            foreign = WayOut("east-1", "orders", "192.0.2.1", ("big.example",), lookup, port=port)
            assert (await only(refused)).state is State.BAD
            assert (await only(foreign)).state is State.BAD
        server.rcodes["big.example"] = dns.rcode.SERVFAIL
        assert (await only(refused)).state is State.UNKNOWN
        server.rcodes.clear()
        server.put("big.example", "MX", "0 .")
        assert (await only(refused)).state is State.UNKNOWN

    in_world(story)


PLANNED = (
    PlannedAnswer("mx.fleet.example", "A", 300, ("198.51.100.11",)),
    PlannedAnswer("fleet.example", "MX", 300, ("10 MX.fleet.example.",)),
    PlannedAnswer("fleet.example", "TXT", 300, ('"v=spf1 -all"',)),
)
SOA = "ns.fleet.example. h.fleet.example. {} 3600 600 1209600 300"


def publish(server: NameServerOnLoopback) -> None:
    server.put("mx.fleet.example", "A", "198.51.100.11")
    server.put("fleet.example", "MX", "10 mx.fleet.example.")
    server.put("fleet.example", "TXT", '"v=spf1 -all"')
    server.put("fleet.example", "SOA", SOA.format(7))


def test_a_name_server_is_held_to_what_was_planned() -> None:
    async def story(server: NameServerOnLoopback, _: Lookup) -> None:
        publish(server)
        check = NameServerCheck(Server("ns-east", "127.0.0.1", server.port), PLANNED, ("fleet.example",), 3.0)

        async def round_of_looks() -> Finding:
            return [await only(check) for _ in range(len(PLANNED) + 1)][-1]

        assert await round_of_looks() == Finding(
            "name server", "ns-east", State.GOOD, "ns-east answers as planned"
        )
        server.put("mx.fleet.example", "A", "198.51.100.12", ttl=300)
        server.put("fleet.example", "MX", "10 mx.fleet.example.", ttl=60)
        del server.records["fleet.example"]["TXT"]
        server.put("fleet.example", "SOA", SOA.format(6))
        said = (await round_of_looks()).said
        assert "mx.fleet.example A is 198.51.100.12, not 198.51.100.11" in said
        assert "fleet.example MX may be kept 60 s, not 300 s" in said
        assert 'fleet.example TXT is nothing, not "v=spf1 -all"' in said
        assert said.endswith("; and 1 more")
        publish(server)
        server.rcodes["mx.fleet.example"] = dns.rcode.REFUSED
        assert (await round_of_looks()).said == (
            "ns-east is not as planned: mx.fleet.example A is answered with REFUSED"
        )
        server.rcodes.clear()
        assert (await round_of_looks()).state is State.GOOD
        server.authoritative = False
        assert "mx.fleet.example A is answered without authority" in (await round_of_looks()).said

    in_world(story)


def test_a_serial_that_goes_back_is_seen_and_one_that_wraps_is_none() -> None:
    async def story(server: NameServerOnLoopback, _: Lookup) -> None:
        check = NameServerCheck(Server("ns-east", "127.0.0.1", server.port), (), ("fleet.example",), 3.0)
        states = []
        for serial in (2**32 - 1, 3, 3, 2, 4):
            server.put("fleet.example", "SOA", SOA.format(serial))
            states.append((await only(check)).state)
        assert states == [State.GOOD, State.GOOD, State.GOOD, State.BAD, State.GOOD]

    in_world(story)


def test_a_name_server_without_an_answer_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failover.checks.authority.ANSWER_SECONDS", 0.2)

    async def story(server: NameServerOnLoopback, _: Lookup) -> None:
        server.mute = True
        check = NameServerCheck(Server("ns-east", "127.0.0.1", server.port), PLANNED, (), 3.0)
        found = await only(check)
        assert (found.state, found.said) == (State.BAD, "ns-east gives no answer within 0.2 s")

    in_world(story)


def tls_context(directory: Path, ends: datetime) -> ssl.SSLContext:
    certificate, key = certificate_with_key(ends)
    file = directory / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


ENDS = datetime(2026, 8, 1, tzinfo=UTC)
PATIENCE_SECONDS = 60.0


@pytest.mark.parametrize("starttls", [False, True])
def test_the_certificate_that_clients_get_is_watched(tmp_path: Path, starttls: bool) -> None:
    wall = 0.0

    async def story() -> None:
        nonlocal wall
        tls = tls_context(tmp_path, ENDS)
        async with exchanger(tls=tls, wrapped=not starttls) as server:
            check = ServedCertificate(
                "east-1",
                "west-1",
                "127.0.0.1",
                server.port,
                "mx.example",
                starttls,
                lambda: wall,
                answer_seconds=PATIENCE_SECONDS,
            )
            where = f"mx.example at 127.0.0.1:{server.port}"
            seen = []
            for left in (timedelta(days=30), timedelta(days=13), timedelta(0)):
                wall = (ENDS - left).timestamp()
                found = await only(check)
                seen.append((found.state, found.said))
            assert seen == [
                (State.GOOD, f"that of {where} expires in 30 days"),
                (State.BAD, f"that of {where} expires in 13 days"),
                (State.BAD, f"that of {where} has expired"),
            ]

    asyncio.run(story())


def test_a_server_without_tls_shows_no_certificate() -> None:
    async def story() -> None:
        async with exchanger(b"421 4.3.2 busy\r\n") as server:
            for starttls in (False, True):
                check = ServedCertificate(
                    "east-1", "west-1", "127.0.0.1", server.port, "mx.example", starttls, lambda: 0.0
                )
                assert (await only(check)).state is State.UNKNOWN

    asyncio.run(story())


def test_a_shut_way_out_is_known_by_the_name_of_its_check() -> None:
    assert WayOut("n", "p", "192.0.2.1", (), lambda *_: asyncio.sleep(0, [])).name == f"{WAY_OUT} 192.0.2.1"
