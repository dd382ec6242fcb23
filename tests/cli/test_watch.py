"""`mtafleet status --watch`: what counts as a change, and how it is told."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.status import Picture, tables
from cli.watch import Watching, changes, facts, redraw, tell_changes
from failover.overview import overview
from tests.cli.test_status import GONE, observer, status

AT = "2026-05-04T10:00:00Z"


def picture(**west: Any) -> Picture:
    observers = [observer(node, status(node, **west)) for node in ("east-1", "west-1")]
    return Picture(overview(observers), observers, ())


def playing(pictures: Sequence[Picture]) -> tuple[Callable[[], Picture], Watching, list[float]]:
    """A look that finds one picture after the other, and is enough after the last."""
    left, slept = list(pictures), list[float]()
    watching = Watching(2.5, slept.append, lambda: datetime(2026, 5, 4, 10, tzinfo=UTC), lambda: not left)
    return lambda: left.pop(0), watching, slept


def test_everything_is_told_at_first_and_then_only_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    look, watching, slept = playing([picture(), picture(), picture(relay=GONE), picture()])
    tell_changes(lambda: look().as_data(), watching)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first = [one for one in told if one["before"] is None]
    assert [one["what"] for one in first] == [
        "members/orders/east-1/relay",
        "members/orders/west-1/relay",
        "nodes/east-1",
        "nodes/west-1",
    ]
    out, back = told[len(first) :]
    assert (out["what"], out["at"]) == ("members/orders/west-1/relay", AT)
    assert (out["before"]["in_service_for"], out["after"]["in_service_for"]) == (2, 0)
    assert (back["before"], back["after"]) == (out["after"], out["before"])
    assert slept == [2.5] * 4


def test_what_goes_is_told_too() -> None:
    before = facts(picture().as_data())
    (change,) = changes(before, {name: one for name, one in before.items() if name != "nodes/west-1"}, AT)
    assert (change["what"], change["after"]) == ("nodes/west-1", None)


def test_time_that_passes_is_no_change() -> None:
    writer = {"holder": "", "epoch": 3, "unable": ["east-1"], "reason": "no leader", "healthy": False}
    one, other = (
        {**picture().as_data(), "dns_writer": {**writer, "unable_seconds": seconds}} for seconds in (6.0, 7.0)
    )
    assert facts(one) == facts(other)


def drawn(one: Picture) -> Any:
    return next(tables(one.found, one.answers))


def test_without_a_terminal_a_picture_is_drawn_when_it_has_changed_and_has_no_colours() -> None:
    stream = StringIO()
    look, watching, _ = playing([picture(), picture(), picture(relay=GONE)])
    redraw(look, Picture.as_data, drawn, watching, Console(file=stream, width=100))
    assert stream.getvalue().count(AT) == 2
    assert "\x1b" not in stream.getvalue()


def test_on_a_terminal_one_picture_takes_the_place_of_the_other() -> None:
    stream = StringIO()
    look, watching, _ = playing([picture(), picture()])
    console = Console(file=stream, width=100, force_terminal=True, legacy_windows=False)
    redraw(look, Picture.as_data, drawn, watching, console)
    assert stream.getvalue().count("heard by") == 2
    assert "\x1b[?1049h" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[?25h\x1b[?1049l"), "the terminal is left as it was"


def test_an_interrupt_ends_it_quietly() -> None:
    def look() -> Picture:
        raise KeyboardInterrupt

    tell_changes(lambda: look().as_data(), Watching(1.0, lambda _: None))
