"""Lines of progress from an operation under way to the person who watches the engine.

The servicer opens a channel for each operation; code below it calls `report` without knowing about Pulumi.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(text: str) -> None:
    """Show one line beside the resource being worked on; silent outside an operation."""
    listener = _listener.get()
    if listener is not None:
        listener(text)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Send what `report` gets inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
