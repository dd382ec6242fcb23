"""One fleet for all tests of this folder: provisioned, configured, used, broken, and removed at the end.

A lab of this checkout that is up already is taken as it is, and left.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.engine import find_engine
from lab import host
from lab.errors import HostError
from tests.end_to_end.command import Done, mtafleet
from tests.end_to_end.configured import Configured, snapshots
from tests.end_to_end.mail import Mail, send_to_all_streams
from tests.end_to_end.system import NAME, System
from tests.end_to_end.watch import AnswerWatch, ProcessWatch

#: Cheap facts first: what fails early should be what everything else stands on. The last one removes the lab.
ORDER = (
    "test_provisioning",
    "test_configuration",
    "test_dns",
    "test_front_doors",
    "test_mail",
    "test_secrets",
    "test_self_report",
    "test_drain",
    "test_machine_dies",
    "test_drills",
    "test_lab",
)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests come last of all, and in their order."""
    here = Path(__file__).parent
    ours = [item for item in items if item.path.parent == here]
    possible = _possible()
    for item in ours:
        item.add_marker(pytest.mark.lab)
        item.add_marker(pytest.mark.engine)
        if possible is not None:
            item.add_marker(pytest.mark.skip(reason=possible))
    ours.sort(key=lambda item: ORDER.index(item.path.stem))
    items[:] = [item for item in items if item.path.parent != here] + ours


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was measured on the way."""
    if _FIGURES:
        terminalreporter.section("measured end to end")
        for name, value in _FIGURES.items():
            terminalreporter.write_line(f"{name}: {value}")


_FIGURES: dict[str, str] = {}


@pytest.fixture(scope="session")
def figures() -> dict[str, str]:
    """What was measured, by name, for the summary."""
    return _FIGURES


@pytest.fixture(scope="session")
def adopted() -> bool:
    """Whether the lab was there before the tests."""
    return System.of_this_checkout().is_up


@pytest.fixture(scope="session")
def first_up(adopted: bool) -> Iterator[Done]:
    """`mtafleet up lab`; whatever happens afterwards, a lab that was not there before goes again."""
    system = System.of_this_checkout()
    try:
        yield mtafleet("up", NAME)
    finally:
        if adopted:
            system.heal()
        elif system.exists:
            remove(system)


@pytest.fixture(scope="session")
def system(first_up: Done) -> System:
    """The provisioned fleet."""
    assert first_up.status == 0, first_up.text
    return System.of_this_checkout()


@pytest.fixture(scope="session")
def first_check(system: System) -> Configured:
    """`configure --check` before the first run, with what is on the nodes before and after."""
    before = snapshots(system)
    report = mtafleet("configure", NAME, "--check", "--json")
    return Configured(report, before, snapshots(system))


@pytest.fixture(scope="session")
def command_lines() -> set[bytes]:
    """Command lines and environments of every process seen while the fleet was configured."""
    return set()


@pytest.fixture(scope="session")
def first_run(system: System, command_lines: set[bytes]) -> Done:
    """`configure`, with the process list watched all the time."""
    with ProcessWatch(command_lines):
        return mtafleet("configure", NAME, "--json")


@pytest.fixture(scope="session")
def configured(system: System, first_run: Done) -> System:
    """The fleet at work."""
    assert first_run.status == 0, first_run.text
    system.await_steady()
    return system


@pytest.fixture(scope="session")
def mail(configured: System) -> Mail:
    """Some hundred messages of every stream, all settled."""
    return send_to_all_streams(configured)


@pytest.fixture
def answers(configured: System) -> Iterator[AnswerWatch]:
    """Asks all name servers for the steered names as long as the test runs."""
    with AnswerWatch(configured) as watch:
        yield watch


def remove(system: System) -> None:
    """Remove the lab, by the emergency exit if need be."""
    if mtafleet("destroy", NAME, "--yes").status != 0:
        mtafleet("lab", "destroy", "--yes")
    assert not system.exists


def _possible() -> str | None:
    """Why these tests cannot run here; None when they can."""
    if find_engine() is None:
        return "no Pulumi engine: tools/bootstrap builds one"
    try:
        host.require()
    except HostError:
        return "this computer cannot run a lab: see tools/preflight"
    return None
