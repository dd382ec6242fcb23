"""Maintenance orders: which nodes people have taken out of service, until when, and why. Pure.

One JSON file on every node, written whole by `failover/maintenance.py`; times are UTC:

    {"orders": {"east-1": {"owner": "ada@ops-1", "reason": "new disk",
                           "since": "2026-05-04T10:00:00Z", "until": "2026-05-04T12:00:00Z"}}}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

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


def parse_orders(text: str) -> dict[str, Order]:
    """The orders in a file's text; ConfigError says which key is wrong and what would be right."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"is not JSON: {error}") from None
    fields = Fields(value, "")
    orders = dict(fields.mapping("orders", _order))
    fields.done()
    return orders


def render_orders(orders: Mapping[str, Order]) -> str:
    """The text of the file that holds `orders`; `parse_orders` gives them back."""
    told = {
        node: {
            "owner": one.owner,
            "reason": one.reason,
            "since": render_time(one.since),
            "until": render_time(one.until),
        }
        for node, one in sorted(orders.items())
    }
    return json.dumps({"orders": told}, indent=1) + "\n"


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
    fields = Fields(value, path)
    order = Order(
        owner=checked_words(fields.text("owner"), MOST_OWNER_CHARACTERS, fields.at("owner")),
        reason=checked_words(fields.text("reason"), MOST_REASON_CHARACTERS, fields.at("reason")),
        since=parse_time(fields.text("since"), fields.at("since")),
        until=parse_time(fields.text("until"), fields.at("until")),
    )
    fields.done()
    return order
