"""`mtafleet status --watch`: looks again and again, redraws what it sees, or tells only what has changed."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from rich.console import Console, RenderableType
from rich.live import Live

T = TypeVar("T")
Facts = Mapping[str, Mapping[str, Any]]
"""By name: what is known of one thing."""

KEYS = {
    "nodes": ("node",),
    "drained": ("node",),
    "members": ("pool", "node", "kind"),
    "views": ("node",),
    "dns": ("primary", "name"),
}
_NEVER_STILL = frozenset({"unable_seconds"})
"""What grows by itself is no change."""


def facts(picture: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The items of `mtafleet status --json`, each by a name of its own, without what each daemon said."""
    found: dict[str, dict[str, Any]] = {}
    for section, keys in KEYS.items():
        for item in picture[section]:
            found["/".join([section, *(str(item[key]) for key in keys)])] = _still(item)
    if picture["dns_writer"] is not None:
        found["dns_writer"] = _still(picture["dns_writer"])
    return found


def changes(before: Facts, after: Facts, at: str) -> Iterator[dict[str, Any]]:
    """One for each thing that came, went or is different, as JSON values."""
    for name in sorted({*before, *after}):
        was, is_now = before.get(name), after.get(name)
        if was != is_now:
            yield {"at": at, "what": name, "before": was, "after": is_now}


def _still(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in _NEVER_STILL}


@dataclass
class Watching:
    """How time passes, and when it is enough: tests have their own."""

    every_seconds: float
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    enough: Callable[[], bool] = lambda: False

    def looks(self, look: Callable[[], T]) -> Iterator[tuple[str, T]]:
        """What `look` finds, and when, until it is enough."""
        while not self.enough():
            yield f"{self.wall():%Y-%m-%dT%H:%M:%SZ}", look()
            self.sleep(self.every_seconds)


def tell_changes(look: Callable[[], Mapping[str, Any]], watching: Watching) -> None:
    """One JSON line for each change, at first one for each thing there is, until a person interrupts."""
    before: Facts = {}
    with suppress(KeyboardInterrupt):
        for at, picture in watching.looks(look):
            after = facts(picture)
            for change in changes(before, after, at):
                click.echo(json.dumps(change, default=list))
            before = after


def redraw(
    look: Callable[[], T],
    as_data: Callable[[T], Mapping[str, Any]],
    drawn: Callable[[T], RenderableType],
    watching: Watching,
    console: Console,
) -> None:
    """One picture in place of the other on a terminal, until a person interrupts; else one below the other,
    whenever it has changed."""
    with suppress(KeyboardInterrupt):
        if console.is_terminal:
            with Live(console=console, auto_refresh=False, screen=True) as live:
                for _, picture in watching.looks(look):
                    live.update(drawn(picture), refresh=True)
            return
        before: Facts | None = None
        for at, picture in watching.looks(look):
            if (after := facts(as_data(picture))) != before:
                console.print(at)
                console.print(drawn(picture))
            before = after
