"""A primary name server in memory that checks prerequisites and raises its serial as a real one does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from failover.errors import ZoneConflict, ZoneError
from failover.zone import Answer, Fence, RecordChange, ZoneView


@dataclass
class FakeAuthority:
    """`down` makes every call fail; `refuses` only updates; `before_update` runs before one is judged."""

    name: str = "ns-east"
    address: str = "127.0.0.1"
    serial_number: int = 1
    answers: dict[str, Answer] = field(default_factory=dict)
    epoch: int | None = None
    down: bool = False
    refuses: bool = False
    before_update: Callable[[], None] = lambda: None
    updates: list[tuple[RecordChange, ...]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    async def serial(self) -> int:
        self._called("serial")
        return self.serial_number

    async def view(self, names: Sequence[str]) -> ZoneView:
        self._called("view")
        answers = {name: self.answers.get(name, Answer()) for name in names}
        return ZoneView(self.serial_number, answers, self.epoch)

    async def update(self, changes: Sequence[RecordChange], fence: Fence) -> None:
        self._called("update")
        self.before_update()
        if self.refuses:
            raise ZoneError(f"{self.name} refused the update: REFUSED")
        if self.epoch != fence.before:
            raise ZoneConflict(f"{self.name} was changed by another writer first")
        if any(self.answers.get(one.name, Answer()).addresses != one.before.addresses for one in changes):
            raise ZoneConflict(f"{self.name} was changed by another writer first")
        self.epoch = fence.after
        if changes:
            self.updates.append(tuple(changes))
        self.set({one.name: one.after for one in changes})

    def set(self, answers: dict[str, Answer]) -> None:
        """Another writer's update."""
        self.answers |= answers
        self.serial_number += 1

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.down:
            raise ZoneError(f"{self.name} did not answer: no answer within 1 s")
