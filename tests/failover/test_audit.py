"""What events say for those who look back: who, before, after."""

from pathlib import Path
from typing import Any

import pytest

from failover.config import MaintenanceFiles
from failover.decide import Check
from failover.maintenance import amend, with_order, with_override
from failover.orderbook import OrderBook
from failover.orders import Book, NodeOverride
from tests.failover.test_daemon import Rig
from tests.failover.test_orders import ORDER


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def told(rig: Rig, kind: str) -> list[dict[str, Any]]:
    return [one for one in rig.events.recent if one["kind"] == kind]


def files(directory: Path) -> MaintenanceFiles:
    return MaintenanceFiles(directory / "orders.json", directory / "good.json")


def test_a_member_that_moves_says_from_where_to_where(rig: Rig) -> None:
    rig.see(False, Check.NOOP, times=2)
    (down,) = told(rig, "down")
    assert (down["scope"], down["before"], down["after"]) == ("relay", "in service", "out of service")
    rig.see(True, Check.NOOP, times=3)
    (up,) = told(rig, "up")
    assert (up["before"], up["after"]) == ("out of service", "in service")
    rig.daemon.prober.close()


def test_an_order_says_who_gave_it_and_what_was_before(rig: Rig, tmp_path: Path) -> None:
    rig.daemon.order_book = OrderBook(files(tmp_path), lambda: ORDER.since)
    amend(files(tmp_path), lambda book: with_order(book, "west-1", ORDER))
    rig.see(True, Check.NOOP, times=6)
    (given,) = told(rig, "maintenance")
    assert (given["by"], given["before"], given["after"]) == (ORDER.owner, None, ORDER.sentence)
    amend(files(tmp_path), lambda book: with_order(book, "west-1", None))
    rig.see(True, Check.NOOP, times=6)
    lifted = told(rig, "maintenance")[-1]
    assert "by" not in lifted
    assert (lifted["before"], lifted["after"]) == (ORDER.sentence, None)
    override = NodeOverride("out", ORDER)
    amend(files(tmp_path), lambda book: with_override(book, "west-1", override))
    rig.see(True, Check.NOOP, times=6)
    assert told(rig, "maintenance")[-1]["after"] == override.sentence
    rig.daemon.prober.close()


def test_an_order_is_written_whatever_a_killed_writer_has_left(tmp_path: Path) -> None:
    """The file it was at may be another user's: it is put aside, not written into."""
    left = tmp_path / "orders.json.new"
    left.write_text("half an ord")
    with left.open() as held:
        book = amend(files(tmp_path), lambda book: with_order(book, "west-1", ORDER))
        assert held.read() == "half an ord"
    assert book == Book({"west-1": ORDER})
    assert not left.exists()
    assert amend(files(tmp_path), lambda book: book).orders == {"west-1": ORDER}
