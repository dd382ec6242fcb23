"""What people have ordered: nodes out of service, nodes that the probes do not judge, a pause. Pure.

One JSON file on every node, written whole by `failover/maintenance.py`; times are UTC, and each entry ends by
itself. `overrides` and `pause` may be left out:

    {"orders": {"east-1": {"owner": "ada@ops-1", "reason": "new disk",
                           "since": "2026-05-04T10:00:00Z", "until": "2026-05-04T12:00:00Z"}},
     "overrides": {"west-1": {"to": "in", "owner", "reason", "since", "until"}},
     "pause": {"owner", "reason", "since", "until"}}

An *order* takes a node out gently: it gives way to failures. An *override* stands above what is seen: `out`
leaves before any failing node, `in` serves however it looks. Neither goes below a pool's floor.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from failover.errors import ConfigError
from failover.fields import Fields

MOST_OWNER_CHARACTERS = 120
MOST_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Order:
    """One node is to be out of service from `since` until `until`."""

    owner: str
    reason: str
    since: datetime
    until: datetime

    @property
    def sentence(self) -> str:
        """Why the node is out, as events and `mtafleet status` tell it."""
        return f"taken out by {self.owner} until {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"


@dataclass(frozen=True, slots=True)
class NodeOverride:
    """One node is in or out of service whatever the daemons see."""

    to: Literal["in", "out"]
    order: Order

    @property
    def sentence(self) -> str:
        what = "kept in service" if self.to == "in" else "put out of service"
        return (
            f"{what} by {self.order.owner} until {self.order.until:%Y-%m-%d %H:%M} UTC: {self.order.reason}"
        )


@dataclass(frozen=True, slots=True)
class Book:
    """All that one file says."""

    orders: Mapping[str, Order] = field(default_factory=dict)
    overrides: Mapping[str, NodeOverride] = field(default_factory=dict)
    pause: Order | None = None
    """Daemons decide and tell, but act on nothing."""

    def at(self, now: datetime) -> "Book":
        """What of it is in force."""
        return Book(
            in_force(self.orders, now),
            {node: one for node, one in self.overrides.items() if now < one.order.until},
            self.pause if self.pause and now < self.pause.until else None,
        )


def parse_book(text: str) -> Book:
    """What a file's text says; ConfigError says which key is wrong and what would be right."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"is not JSON: {error}") from None
    fields = Fields(value, "")
    book = Book(
        orders=dict(fields.mapping("orders", _order)),
        overrides=dict(fields.mapping("overrides", _override)) if fields.has("overrides") else {},
        pause=fields.optional("pause", _read_order),
    )
    fields.done()
    return book


def parse_orders(text: str) -> dict[str, Order]:
    """The orders alone in a file's text; ConfigError as `parse_book`."""
    return dict(parse_book(text).orders)


def render_book(book: Book) -> str:
    """The text of the file that says `book`; `parse_book` gives it back."""
    told: dict[str, Any] = {
        "orders": {node: describe_order(one) for node, one in sorted(book.orders.items())}
    }
    if book.overrides:
        told["overrides"] = {node: describe_override(one) for node, one in sorted(book.overrides.items())}
    if book.pause:
        told["pause"] = describe_order(book.pause)
    return json.dumps(told, indent=1) + "\n"


def render_orders(orders: Mapping[str, Order]) -> str:
    """The text of a file that holds `orders` and nothing else."""
    return render_book(Book(orders))


def describe_order(order: Order) -> dict[str, str]:
    """An order as JSON values."""
    return {
        "owner": order.owner,
        "reason": order.reason,
        "since": render_time(order.since),
        "until": render_time(order.until),
    }


def describe_override(override: NodeOverride) -> dict[str, str]:
    """An override as JSON values."""
    return {"to": override.to, **describe_order(override.order)}


def in_force(orders: Mapping[str, Order], now: datetime) -> dict[str, Order]:
    """The orders whose time has not run out."""
    return {node: one for node, one in orders.items() if now < one.until}


def parse_time(text: str, where: str) -> datetime:
    """A time such as `2026-05-04T10:00:00Z`; ConfigError names `where` when it is none, or not UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise ConfigError(f"{where}: expected a time like 2026-05-04T10:00:00Z, found {text!r}")
    return found.astimezone(UTC)


def render_time(time: datetime) -> str:
    """`time` in UTC, whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def checked_words(text: str, most_characters: int, where: str) -> str:
    """`text` when it is one line that people can read; ConfigError when not."""
    if not text.strip() or not text.isprintable() or len(text) > most_characters:
        raise ConfigError(f"{where}: expected one line of 1 to {most_characters} characters")
    return text


def _order(value: object, path: str) -> Order:
    return _read_order(Fields(value, path))


def _read_order(fields: Fields) -> Order:
    order = Order(
        owner=checked_words(fields.text("owner"), MOST_OWNER_CHARACTERS, fields.at("owner")),
        reason=checked_words(fields.text("reason"), MOST_REASON_CHARACTERS, fields.at("reason")),
        since=parse_time(fields.text("since"), fields.at("since")),
        until=parse_time(fields.text("until"), fields.at("until")),
    )
    fields.done()
    return order


def _override(value: object, path: str) -> NodeOverride:
    fields = Fields(value, path)
    match fields.text("to"):
        case "in" | "out" as to:
            return NodeOverride(to, _read_order(fields))
        case other:
            raise ConfigError(f"{fields.at('to')}: expected `in` or `out`, found {other!r}")
