"""The eight weeks' simulation: pinned ISPs, the same traffic for all, nothing lost or made up."""

from itertools import pairwise

import pytest

from bench.eightweeks.isp_model import RECEIVERS, fingerprint, swept
from bench.eightweeks.receiver import TICKS_PER_DAY, View
from bench.eightweeks.traffic import DAYS, PER_DAY, Batch, Queue, arrivals
from bench.weeks import approaches, line
from fleet.paths import project_root

GOOGLE = RECEIVERS["google"]


def test_the_model_is_the_one_that_is_written_down() -> None:
    assert fingerprint(RECEIVERS) in (project_root() / "docs" / "isp-model.md").read_text()
    assert fingerprint(swept(RECEIVERS, "growth", 2.0)) != fingerprint(RECEIVERS)


@pytest.mark.parametrize("name", sorted(approaches()))
def test_nothing_is_lost_and_nothing_made_up(name: str) -> None:
    weeks = approaches()[name](RECEIVERS)
    result = weeks.run(30)
    good = sum(batch.good for queue in weeks.queues.values() for batch in queue.take(10**6, 10**9))
    assert result.inbox + result.spam + good == result.valid > 0
    assert result.inbox > 0
    assert line(result).startswith(f"| {result.name} | ")


def test_a_day_has_its_volume() -> None:
    for kind, per_day in PER_DAY.items():
        messages = sum(
            batch.messages
            for tick in range(TICKS_PER_DAY)
            for one, _isp, batch in arrivals(tick, RECEIVERS)
            if one == kind
        )
        assert 0.98 * per_day <= messages <= per_day
    assert DAYS == 56


def test_an_unknown_address_that_hurries_is_deferred_and_loses_its_name() -> None:
    view, reputations = View(GOOGLE), [1.0]
    for tick in range(20):
        answer = view.receive(tick, 20_000, 0, 0.0)
        assert answer.inbox + answer.spam + answer.deferred + answer.blocked == 20_000
        assert answer.inbox <= GOOGLE.fresh_per_day
        view.close(tick)
        reputations.append(view.reputation)
    assert all(more >= less for more, less in pairwise(reputations[:8]))
    assert view.worst <= GOOGLE.block_below


def test_clean_mail_within_what_is_usual_keeps_its_name() -> None:
    view = View(GOOGLE, usual_per_day=10_000)
    for tick in range(5 * TICKS_PER_DAY):
        answer = view.receive(tick, 200, 1, 0.0002)
        assert answer.deferred == answer.blocked == 0
        view.close(tick)
    assert view.worst == 1.0


def test_unknown_recipients_cost_a_name() -> None:
    view = View(GOOGLE, usual_per_day=20_000)
    for tick in range(12):
        view.receive(tick, 700, 300, 0.0)
        view.close(tick)
    assert view.reputation < 0.7


def test_a_queue_gives_the_oldest_first_and_gives_up_after_its_lifetime() -> None:
    queue = Queue()
    queue.add(Batch(3, 10, 0, 0.0, 3))
    queue.add(Batch(1, 5, 5, 0.0, 9))
    assert [one.created for one in queue.take(5, 100)] == [3]
    assert [(one.good, one.invalid) for one in queue.take(9, 4)] == [(2, 2)]
    assert len(queue) == 6
    assert queue.expire(1 + 5 * TICKS_PER_DAY) == 3
    assert len(queue) == 0
