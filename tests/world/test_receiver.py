from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.catalogue import Catalogue
from lab.world.control import Control
from lab.world.events import Event, EventFile, ledger_id, read_events
from lab.world.orders import Order, Orders
from lab.world.providers import Provider, load_providers
from lab.world.receiver import Receiver, Sampler, Sampling
from lab.world.session import Message
from lab.world.spec import WorldSpec
from lab.world.standing import allowance_of, limits_of
from lab.world.traffic import Limits, Traffic
from lab.world.verify import Authentication

CLIENT = "198.51.100.21"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
LIMITS = Limits(
    connections=2,
    connections_per_fleet=False,
    messages_per_connection=10,
    messages_per_minute=100,
    tls_required=True,
)
GOOD = Authentication(
    spf="pass", spf_domain="shop.example", dkim_domains=("shop.example",), signatures=1,
    author_domain="shop.example", dmarc_policy="none", spf_aligned=True, dkim_aligned=True,
    ptr_name="mail.fleet.example",
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Sink(list[Event]):
    pass


def google() -> Provider:
    return load_providers()[0]


def unlimited(source: str, now: float) -> int | None:
    return None


def receiver(
    sink: Sink,
    clock: Clock,
    found: Authentication = GOOD,
    allowance: Callable[[str, float], int | None] = unlimited,
    orders: Orders | None = None,
) -> Receiver:
    async def verify(message: Message) -> Authentication:
        return found

    sampler = Sampler(Sampling(percent=0, all_below_messages_per_second=0))
    return Receiver(google(), Traffic(LIMITS, allowance), sink, verify, sampler, orders or Orders(), clock)


def message(recipient: str = "ada.r1-7@gmail.com") -> Message:
    content = b"Subject: x\r\nX-Ledger-Id: r1-7\r\n\r\nX-Ledger-Id: forged\r\n"
    return Message(CLIENT, "mail.fleet.example", None, "bounce@shop.example", (recipient,), content)


def test_a_message_is_accepted_and_recorded_with_its_id() -> None:
    sink = Sink()
    reply = receiver(sink, Clock()).decide(message())
    assert reply is not None
    assert reply.startswith("250")
    assert [(event.outcome, event.ledger_id, event.provider) for event in sink] == [
        ("accepted", "r1-7", "google")
    ]


def test_an_unknown_mailbox_is_refused_in_the_providers_words_and_recorded() -> None:
    sink = Sink()
    host = receiver(sink, Clock())
    refusal = host.refuse_recipient(CLIENT, "bounce@shop.example", "unknown-7.r1-8@gmail.com")
    assert refusal == google().replies["unknown_user"]
    assert host.refuse_recipient(CLIENT, "", "ada@elsewhere.example") == "550 5.7.1 Relaying denied"
    assert host.refuse_recipient(CLIENT, "", "ada@GMAIL.com") is None
    assert [event.outcome for event in sink] == ["rejected", "rejected"]


async def test_an_unauthenticated_message_is_refused_as_the_provider_does() -> None:
    sink = Sink()
    bad = replace(GOOD, spf="fail", dkim_domains=(), spf_aligned=False, dkim_aligned=False)
    reply = await receiver(sink, Clock(), found=bad).examine(message())
    assert reply.startswith("550 5.7.26")
    assert sink[0].outcome == "rejected"
    assert sink[0].authentication is not None
    assert sink[0].authentication["spf"] == "fail"


async def test_bulk_demands_begin_at_the_published_number() -> None:
    no_dmarc = replace(GOOD, author_domain="x.example", dmarc_policy=None)
    host = receiver(Sink(), Clock(), found=no_dmarc)
    for _ in range(4998):
        host.traffic.domain_messages_today("x.example", NOW)
    assert (await host.examine(message())).startswith("250")
    assert (await host.examine(message())).startswith("550 5.7.40")


def test_a_fresh_address_is_throttled_until_the_next_minute() -> None:
    clock = Clock()
    host = receiver(Sink(), clock, allowance=lambda source, now: 2)
    replies = [host.refuse_mail(CLIENT) for _ in range(3)]
    assert replies[:2] == [None, None]
    assert replies[2] is not None
    assert replies[2].startswith("421 4.7.0")
    assert CLIENT in replies[2]
    clock.now += 60
    assert host.refuse_mail(CLIENT) is None


def test_an_established_address_is_bound_by_the_catalogue() -> None:
    host = receiver(Sink(), Clock())
    replies = [host.refuse_mail(CLIENT) for _ in range(101)]
    assert replies[:100] == [None] * 100
    assert (replies[100] or "").startswith("421 4.7.28")
    assert host.refuse_mail("198.51.100.22") is None


def test_connections_are_counted_by_source_or_over_the_fleet() -> None:
    traffic = Traffic(LIMITS, unlimited)
    assert [traffic.connect(CLIENT) for _ in range(3)] == [True, True, False]
    assert traffic.connect("198.51.100.22")
    traffic.disconnect(CLIENT)
    assert [traffic.connect(CLIENT) for _ in range(2)] == [True, False]
    shared = Traffic(
        Limits(connections=2, connections_per_fleet=True, messages_per_connection=1, messages_per_minute=None,
               tls_required=False),
        unlimited,
    )  # fmt: skip
    assert [shared.connect(f"198.51.100.{number}") for number in (1, 2, 3)] == [True, True, False]


@given(st.lists(st.sampled_from(["connect a", "connect b", "drop a", "drop b"])))
def test_connection_counts_never_go_astray(steps: list[str]) -> None:
    traffic = Traffic(LIMITS, unlimited)
    open_now = {"a": 0, "b": 0}
    for verb, source in (step.split() for step in steps):
        if verb == "connect":
            admitted = traffic.connect(source)
            assert admitted == (open_now[source] < LIMITS.connections)
            open_now[source] += admitted
        elif open_now[source]:
            open_now[source] -= 1
            traffic.disconnect(source)
        assert traffic.open_connections == sum(open_now.values())


@pytest.mark.parametrize(
    ("since", "expected"),
    [(None, 75), (date(2026, 11, 23), 75), (date(2026, 11, 21), 126), (date(2025, 3, 3), None)],
)
def test_what_an_address_may_send_grows_with_its_age(since: date | None, expected: int | None) -> None:
    spec = WorldSpec(delegations=(), warm_since={IPv4Address(CLIENT): since})
    assert allowance_of(google(), lambda: spec)(CLIENT, NOW) == expected
    assert allowance_of(google(), lambda: spec)("192.0.2.1", NOW) == 75


def test_every_provider_has_an_entry_in_the_catalogue() -> None:
    catalogue = Catalogue.load()
    for provider in load_providers():
        assert limits_of(provider, catalogue).connections >= 1
        for domain in provider.domains:
            known = catalogue.match_domain(domain).isp
            assert known in (provider.limits, "default"), domain
        for host in provider.exchangers:
            assert catalogue.match(host).isp == provider.limits, host


def test_few_messages_are_all_verified_and_many_by_a_fixed_share() -> None:
    sampler = Sampler(Sampling(percent=5, all_below_messages_per_second=10))
    assert all(sampler.chosen(b"%d" % number, NOW + number) for number in range(5))
    keys = [b"r1-%06d" % number for number in range(5000)]
    busy = [sampler.chosen(key, NOW + 100) for key in keys]
    assert all(busy[:10])
    assert 150 < sum(busy[10:]) < 350
    assert [sampler.chosen(key, NOW + 101) for key in keys][10:] == busy[10:]


def test_orders_hold_for_their_time_place_and_source() -> None:
    orders = Orders()
    orders.add(Order("google", "mail", "421 4.7.0 Ordered", until=NOW + 30))
    clock = Clock()
    host = receiver(Sink(), clock, orders=orders)
    assert host.refuse_mail(CLIENT) == "421 4.7.0 Ordered"
    assert host.greeting(CLIENT)[1]
    clock.now += 31
    assert host.refuse_mail(CLIENT) is None
    orders.add(Order("*", "connect", "554 No", until=clock.now + 5, source="192.0.2.1"))
    assert host.greeting("192.0.2.1") == ("554 No", False)
    assert host.greeting(CLIENT)[1]


def test_the_control_answers_counts_and_takes_orders() -> None:
    orders = Orders()
    host = receiver(Sink(), Clock(), orders=orders)
    control = Control({"google": host}, orders, Clock())
    host.decide(message())
    assert control.answer(b'{"ask": "counters"}')["counters"]["google"]["accepted"] == 1
    order = b'{"ask": "order", "provider": "google", "stage": "mail", "reply": "421 no", "seconds": 5}'
    assert control.answer(order) == {}
    assert host.refuse_mail(CLIENT) == "421 no"
    assert control.answer(b'{"ask": "clear"}') == {}
    assert host.refuse_mail(CLIENT) is None


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.text(max_size=8), st.text(max_size=8)).map(repr).map(str.encode)
)
def test_a_malformed_request_gets_an_error(line: bytes) -> None:
    assert "error" in Control({}, Orders()).answer(line)


@pytest.mark.parametrize(
    "request_line",
    [
        b'{"ask": "order", "provider": "nobody", "stage": "mail", "reply": "421 x", "seconds": 1}',
        b'{"ask": "order", "provider": "*", "stage": "lunch", "reply": "421 x", "seconds": 1}',
        b'{"ask": "order", "provider": "*", "stage": "mail", "reply": "250 x", "seconds": 1}',
        b'{"ask": "order", "provider": "*", "stage": "mail", "reply": "421 x"}',
    ],
)
def test_impossible_orders_are_refused(request_line: bytes) -> None:
    orders = Orders()
    assert "error" in Control({}, orders).answer(request_line)
    assert orders.reply("google", "mail", CLIENT, 0) is None


def test_events_survive_their_file_and_a_torn_last_line_is_left_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    sink = Sink()
    host = receiver(sink, Clock())
    host.decide(message())
    file = EventFile(path)
    file.append(sink[0])
    file.append(sink[0])
    file.close()
    with path.open("a") as torn:
        torn.write('{"at": 1')
    assert list(read_events(path)) == [sink[0], sink[0]]
    assert list(read_events(path.with_name("absent"))) == []


@given(st.binary(max_size=200))
def test_reading_the_ledger_id_is_total(content: bytes) -> None:
    assert isinstance(ledger_id(content), str)
    assert ledger_id(b"X-LEDGER-id:  abc\r\n\r\n" + content) == "abc"
