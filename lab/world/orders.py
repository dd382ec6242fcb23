"""Orders from outside: a provider that defers, blocks or hangs up for a while. Pure; time is passed in."""

from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal["connect", "mail", "recipient", "message"]
STAGES: tuple[Stage, ...] = get_args(Stage)
ANY = "*"


@dataclass(frozen=True, slots=True)
class Order:
    """Answer with `reply` at this stage, at this provider (or `*`), for every source or one, until a time."""

    provider: str
    stage: Stage
    reply: str
    until: float
    source: str = ANY


class Orders:
    """The orders in force."""

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def add(self, order: Order) -> None:
        """Put an order in force; the latest one that fits wins."""
        self._orders.insert(0, order)

    def clear(self) -> None:
        """Back to normal."""
        self._orders.clear()

    def reply(self, provider: str, stage: Stage, source: str, now: float) -> str | None:
        """What an order demands here and now."""
        if not self._orders:
            return None
        self._orders = [order for order in self._orders if order.until > now]
        for order in self._orders:
            if order.stage == stage and order.provider in (provider, ANY) and order.source in (source, ANY):
                return order.reply
        return None
