"""Pulumi's SDK where tests keep the current event loop unset: importing and mocking it asks for one."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def current_loop() -> Iterator[None]:
    """Have a current event loop for the duration of the block, in this thread and in its loop's workers."""
    loops: list[asyncio.AbstractEventLoop] = []

    def begin() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    begin()
    workers = ThreadPoolExecutor(initializer=begin)
    loops[0].set_default_executor(workers)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        workers.shutdown()
        for loop in loops:
            loop.close()


def load_sdk() -> None:
    """Import the SDK once, so that later imports need no loop."""
    with current_loop():
        import pulumi  # noqa: F401, PLC0415
