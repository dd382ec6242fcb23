"""What every test relies on."""

import asyncio

from hypothesis import settings


def pytest_configure() -> None:
    """Have nobody make an event loop by asking for the current one, as looptime does before each test.

    Such a loop would never be closed, and its warning would hit whichever test runs when it is collected.
    """
    asyncio.set_event_loop(None)


# No timed assertions, and the same examples in every run: a busy machine proves nothing about the code.
settings.register_profile("mtafleet", deadline=None, derandomize=True)
settings.load_profile("mtafleet")
