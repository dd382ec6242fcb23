"""A lab is found again, never mistaken for another, and removed without a trace from any state."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lab import cgroups, machine
from lab.errors import CommandError, HostError, OwnershipError
from lab.ids import LabPaths
from lab.network import links, plan, sites
from lab.outer import namespace
from lab.processes import ProcessId
from lab.specs import SiteSpec
from tests.lab.conftest import traces

pytestmark = pytest.mark.lab
DYING = Path(__file__).with_name("dying.py")


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[LabPaths]:
    paths = LabPaths.of("test", tmp_path)
    yield paths
    namespace.destroy(paths)
    assert traces(paths) == []


def test_a_lab_is_made_once_and_found_again(paths: LabPaths) -> None:
    assert namespace.find(paths) is None
    made = namespace.ensure(paths)
    assert namespace.ensure(paths) == namespace.find(paths) == made


def test_everything_runs_inside_and_nothing_shows_outside(paths: LabPaths) -> None:
    before = _host_devices()
    outer = namespace.ensure(paths)
    sites.ensure(paths, SiteSpec("east", "198.51.100.0/24"))
    for kind in ("mnt", "net", "pid", "uts", "ipc"):
        inside = namespace.run(outer, ["readlink", f"/proc/1/ns/{kind}"]).strip()
        assert inside != str(Path(f"/proc/self/ns/{kind}").readlink())
    # Others may plug and unplug on this computer meanwhile.
    assert not {plan.BRIDGE, plan.UPLINK, plan.core_port("east")} & (_host_devices() - before)
    assert not Path("/run/netns/site-east").exists()


def test_a_tool_s_own_words_reach_the_reader(paths: LabPaths) -> None:
    outer = namespace.ensure(paths)
    with pytest.raises(CommandError, match="No such file"):
        namespace.run(outer, ["ls", "/nowhere"])


def test_another_process_with_the_recorded_pid_is_neither_the_lab_nor_ended(paths: LabPaths) -> None:
    namespace.ensure(paths)
    with _stranger() as stranger:
        _record(paths, replace(stranger, start_ticks=stranger.start_ticks - 1))
        assert namespace.find(paths) is None
        namespace.destroy(paths)
        assert stranger.alive()


def test_a_process_that_is_no_first_process_is_neither_the_lab_nor_ended(paths: LabPaths) -> None:
    namespace.ensure(paths)
    with _stranger() as stranger:
        _record(paths, stranger)
        assert namespace.find(paths) is None
        namespace.destroy(paths)
        assert stranger.alive()


@contextmanager
def _stranger() -> Iterator[ProcessId]:
    with subprocess.Popen(["sleep", "infinity"]) as process:
        try:
            stranger = ProcessId.of(process.pid)
            assert stranger is not None
            yield stranger
        finally:
            process.kill()


def _record(paths: LabPaths, process: ProcessId) -> None:
    paths.outer_record.write_text(json.dumps(asdict(process)))


def test_a_lab_whose_first_process_died_is_made_anew(paths: LabPaths) -> None:
    first = namespace.ensure(paths)
    sites.ensure(paths, SiteSpec("east", "198.51.100.0/24"))
    process = ProcessId.of(first.pid)
    assert process is not None
    process.send(signal.SIGKILL)
    assert process.wait(60)
    assert namespace.find(paths) is None
    assert sites.read(paths, "east") is None
    assert namespace.ensure(paths) != first
    assert sites.read(paths, "east") is None


def test_a_lab_of_another_checkout_is_neither_used_nor_removed(paths: LabPaths, tmp_path: Path) -> None:
    made = namespace.ensure(paths)
    stranger = LabPaths(paths.lab, tmp_path / "other", paths.state, paths.run, paths.cache)
    for act in (namespace.ensure, namespace.destroy):
        with pytest.raises(OwnershipError):
            act(stranger)
    assert namespace.find(paths) == made


def test_without_a_lab_one_is_told_so(paths: LabPaths) -> None:
    with pytest.raises(HostError, match="is not running"):
        namespace.require(paths)
    namespace.destroy(paths)


@pytest.mark.parametrize("event", ["os.fork", "os.rename", "os.exec", "open"])
def test_a_launcher_killed_at_any_moment_leaves_nothing(paths: LabPaths, event: str) -> None:
    """The launcher forks a first process; killed before it could say so, that process ends too."""
    group = cgroups.of_lab(paths) / "init"
    group.mkdir(parents=True)
    paths.run.mkdir(parents=True)
    script = (
        "import os, runpy, signal, sys\n"
        f"sys.addaudithook(lambda event, _: event == {event!r} and 'init.py' in sys.argv[0]"
        " and os.kill(os.getpid(), signal.SIGKILL))\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    init = str(Path(namespace.__file__).with_name("init.py"))
    arguments = [init, str(paths.outer_record), str(group / "cgroup.procs")]
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv={arguments!r}\n{script}"], check=False, timeout=300
    )
    namespace.destroy(paths)
    assert traces(paths) == []


def test_a_creation_killed_at_any_step_is_removed_or_taken_up(tmp_path: Path, machine_image: str) -> None:
    """Odd steps are followed by a removal, even ones by a creation that takes up what it finds."""
    for step in range(1, 1000, 3):  # each step would take minutes; thirds meet both parities
        checkout = tmp_path / str(step)
        checkout.mkdir()
        paths = LabPaths.of("test", checkout)
        try:
            if _make_until(step, checkout, machine_image) == 0:
                assert step > 20
                return
            if step % 2:
                continue
            assert _make_until(0, checkout, machine_image) == 0
            state = machine.read(paths, "east-1")
            assert state is not None
            assert state.running
            assert links.read(paths, "east--west") is not None
        finally:
            namespace.destroy(paths)
            assert traces(paths) == []
    pytest.fail("the creation never came to its end")


def _make_until(step: int, checkout: Path, image: str) -> int:
    command = [sys.executable, str(DYING), str(checkout), image, str(step)]
    done = subprocess.run(command, timeout=600, check=False, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _host_devices() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}
