"""Pulumi's SDK where tests keep the current event loop unset: importing and mocking it asks for one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def current_loop() -> Iterator[None]:
    """Have a current event loop for the duration of the block."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def load_sdk() -> None:
    """Import the SDK once, so that later imports need no loop."""
    with current_loop():
        import pulumi  # noqa: F401, PLC0415
