"""What every test relies on, and what of its surroundings no test may depend on."""

import asyncio
import os
import signal
from types import FrameType

from hypothesis import HealthCheck, settings

#: What a caller's shell or a CI service may set, and what decides how programs print or whom they ask.
FOREIGN = (
    *("CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PY_COLORS"),
    *("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"),
)
FOREIGN_PREFIXES = ("ANSIBLE_", "AWS_", "PULUMI_")
OURSELVES = ("127.0.0.1", "localhost", "::1")


def pytest_configure() -> None:
    """Stand on the same ground whoever runs the tests, and wherever."""
    # Nobody makes an event loop by asking for the current one, as looptime does before each test: such a loop
    # would never be closed, and its warning would hit whichever test runs when it is collected.
    asyncio.set_event_loop(None)
    os.umask(0o022)
    for name in [*os.environ]:
        if name in FOREIGN or name.startswith(FOREIGN_PREFIXES):
            del os.environ[name]
    # A proxy is for the world outside, never for servers of the tests' own.
    for name in ("no_proxy", "NO_PROXY"):
        spared = filter(None, os.environ.get(name, "").split(","))
        os.environ[name] = ",".join(dict.fromkeys((*spared, *OURSELVES)))
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_: int, __: FrameType | None) -> None:
    """A polite request to end is treated like Ctrl-C, so that labs and engines are removed."""
    raise KeyboardInterrupt


# No timed assertions, and the same examples in every run: a busy machine proves nothing about the code, and a
# rare example that fails should fail in the change that brings it in.
settings.register_profile(
    "mtafleet",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mtafleet")
