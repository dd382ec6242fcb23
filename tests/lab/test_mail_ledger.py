from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from lab.mail.ledger import Queued, QueueListing, join, ledger_id_of
from lab.mail.queues import parse_queue
from lab.mail.sender import Attempt
from lab.world.events import Event, Outcome


def attempt(number: int, *, code: int | None = 250, in_doubt: bool = False) -> Attempt:
    return Attempt(
        ledger_id=f"r1-{number:06d}",
        recipient=f"ada.r1-{number:06d}@gmail.com",
        via="sidecar",
        due_at=1.0,
        started_at=1.0,
        banner_at=1.1,
        finished_at=1.2,
        code=code,
        reply="",
        in_doubt=in_doubt,
    )


def event(number: int, outcome: Outcome, *, seen: bool = True) -> Event:
    return Event(
        at=2.0,
        outcome=outcome,
        provider="google",
        source="198.51.100.21",
        helo="",
        tls="TLSv1.3",
        sender="",
        recipients=(f"ada.r1-{number:06d}@gmail.com",),
        ledger_id=f"r1-{number:06d}" if seen else "",
        message_bytes=4096,
        reply="word",
    )


def waiting(number: int) -> Queued:
    return Queued("east-1", "deferred", f"ada.r1-{number:06d}@gmail.com", "421 slow down")


def test_each_fate_is_told_apart() -> None:
    attempts = [attempt(number) for number in range(5)]
    events = [
        event(0, "deferred"),
        event(0, "accepted"),
        event(1, "rejected", seen=False),
        event(3, "accepted"),
    ]
    ledger = join(attempts, QueueListing((waiting(2), waiting(3))), events)
    totals = ledger.totals
    assert (totals.accepted, totals.delivered, totals.bounced, totals.deferred, totals.lost) == (
        5,
        2,
        1,
        1,
        1,
    )
    assert {entry.ledger_id[-1]: entry.fate for entry in ledger.remarkable} == {
        "1": "bounced", "2": "deferred", "4": "lost",
    }  # fmt: skip
    assert not totals.settled
    assert ledger.deliveries_by_provider == {"google": 2}


def test_attempts_without_an_answer_are_known_only_if_they_turn_up() -> None:
    attempts = [
        attempt(0, code=None, in_doubt=True),
        attempt(1, code=None, in_doubt=True),
        attempt(2, code=None),
    ]
    totals = join(attempts, QueueListing(()), [event(0, "accepted")]).totals
    assert (totals.accepted, totals.unknown, totals.delivered_unacknowledged, totals.refused) == (0, 1, 1, 1)
    assert totals.lost == 0


def test_copies_are_counted() -> None:
    totals = join([attempt(0)], QueueListing(()), [event(0, "accepted")] * 3).totals
    assert (totals.delivered, totals.duplicated, totals.extra_deliveries) == (1, 1, 2)
    assert totals.settled


def test_messages_of_other_runs_are_left_out() -> None:
    totals = join(
        [attempt(0)], QueueListing((waiting(7),)), [event(0, "accepted"), event(8, "accepted")]
    ).totals
    assert (totals.attempted, totals.delivered, totals.deferred) == (1, 1, 0)


@dataclass(frozen=True)
class History:
    """What happened to one message, drawn at random."""

    code: int | None
    in_doubt: bool
    deliveries: int
    rejected: bool
    queued: bool


_HISTORIES = st.lists(
    st.builds(
        History,
        code=st.sampled_from([250, 450, 550, None]),
        in_doubt=st.booleans(),
        deliveries=st.integers(0, 3),
        rejected=st.booleans(),
        queued=st.booleans(),
    ),
    max_size=30,
)


def records(histories: Sequence[History]) -> tuple[list[Attempt], list[Queued], list[Event]]:
    attempts, queued, events = [], [], []
    for number, history in enumerate(histories):
        in_doubt = history.in_doubt and history.code is None
        attempts.append(attempt(number, code=history.code, in_doubt=in_doubt))
        events += [event(number, "accepted")] * history.deliveries
        events += [event(number, "rejected", seen=False)] * history.rejected
        queued += [waiting(number)] * history.queued
    return attempts, queued, events


@given(_HISTORIES)
def test_every_accepted_message_has_exactly_one_fate(histories: list[History]) -> None:
    attempts, queued, events = records(histories)
    totals = join(attempts, QueueListing(tuple(queued)), events).totals
    assert totals.accepted == totals.delivered + totals.deferred + totals.bounced + totals.lost
    assert totals.accepted == sum(history.code == 250 for history in histories)
    assert totals.lost == sum(
        history.code == 250 and not (history.deliveries or history.queued or history.rejected)
        for history in histories
    )
    assert totals.attempted == len(histories)


@given(_HISTORIES, st.randoms())
def test_the_order_of_records_does_not_matter(histories: list[History], random: st.DataObject) -> None:
    attempts, queued, events = records(histories)
    expected = join(attempts, QueueListing(tuple(queued)), events).totals
    for items in (attempts, queued, events):
        random.shuffle(items)  # type: ignore[attr-defined]
    assert join(attempts, QueueListing(tuple(queued)), events).totals == expected


def test_queue_listings_of_postfix_are_read() -> None:
    output = (
        "postqueue: warning: Mail system is down -- accessing queue directly\n"
        '{"queue_name": "deferred", "queue_id": "4F1", "arrival_time": 1, "message_size": 4100, '
        '"forced_expire": false, "sender": "x@bounce.shop.example", '
        '"recipients": [{"address": "ada.r1-000002@gmail.com", '
        '"delay_reason": "host said: 421"}, {"address": "bo.r1-000003@gmail.com"}]}\n'
        "[]\n"
    )
    assert parse_queue("east-1", output) == [
        Queued("east-1", "deferred", "ada.r1-000002@gmail.com", "host said: 421"),
        Queued("east-1", "deferred", "bo.r1-000003@gmail.com", ""),
    ]


@given(st.text(max_size=200))
def test_reading_queue_listings_is_total(output: str) -> None:
    parse_queue("east-1", output)


def test_the_id_is_found_in_the_mailbox() -> None:
    assert ledger_id_of("ada.r1-000007@gmail.com") == "r1-000007"
    assert ledger_id_of("postmaster@gmail.com") == ""
    assert ledger_id_of("") == ""
