"""What configuration promises: checked beforehand, done once, repaired, and never half done."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.paths import project_root
from tests.end_to_end.command import Done, mtafleet
from tests.end_to_end.configured import Configured, changes, failures, snapshots
from tests.end_to_end.system import NAME, System

MOST_TASKS = 44
DRIFTED = "east-2"
FRONT_DOOR = "/etc/haproxy/haproxy.cfg"


def test_a_check_before_the_first_run_is_clean_and_changes_nothing(
    first_check: Configured, figures: dict[str, str]
) -> None:
    report = first_check.run
    assert report.status == 0, report.text
    assert failures(report) == {}
    assert first_check.before == first_check.after
    figures["configure --check, before the first run"] = f"{report.json()['seconds']:.0f} s"


def test_the_first_run_succeeds(configured: System, first_run: Done, figures: dict[str, str]) -> None:
    assert failures(first_run) == {}
    figures["configure, first run"] = f"{first_run.json()['seconds']:.0f} s"


@pytest.fixture(scope="session")
def second_run(configured: System) -> Configured:
    before = snapshots(configured)
    run = mtafleet("configure", NAME, "--json")
    return Configured(run, before, snapshots(configured))


def test_a_second_run_changes_nothing(second_run: Configured, figures: dict[str, str]) -> None:
    assert second_run.run.status == 0, second_run.run.text
    assert changes(second_run.run) == {}
    assert second_run.before == second_run.after
    figures["configure, nothing to change"] = f"{second_run.run.json()['seconds']:.0f} s"


def test_a_node_takes_few_tasks(second_run: Configured, figures: dict[str, str]) -> None:
    tasks = {name: node["tasks"] for name, node in second_run.run.json()["nodes"].items()}
    figures["tasks a node"] = ", ".join(f"{name} {number}" for name, number in tasks.items())
    assert max(tasks.values()) <= MOST_TASKS


def test_what_was_edited_by_hand_is_found_and_put_right(configured: System) -> None:
    right = configured.inside(DRIFTED, "cat", FRONT_DOOR)
    configured.inside(DRIFTED, "sed", "-i", "s/maxconn/# maxconn/; $a # edited by hand", FRONT_DOOR)
    edited = configured.inside(DRIFTED, "cat", FRONT_DOOR)
    assert edited != right

    check = mtafleet("configure", NAME, "--check", "--json", "--limit", DRIFTED)
    assert check.status == 0, check.text
    assert [one for one in changes(check)[DRIFTED] if one.startswith(FRONT_DOOR)], check.output
    assert configured.inside(DRIFTED, "cat", FRONT_DOOR) == edited

    run = mtafleet("configure", NAME, "--json", "--limit", DRIFTED)
    assert run.status == 0, run.text
    assert [one for one in changes(run)[DRIFTED] if one.startswith(FRONT_DOOR)], run.output
    assert configured.inside(DRIFTED, "cat", FRONT_DOOR) == right
    configured.await_steady()


def test_a_broken_value_is_refused_and_the_old_configuration_goes_on(
    configured: System, tmp_path: Path
) -> None:
    for part in ("playbooks", "roles", "templates", "ansible.cfg"):
        source = project_root() / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / part)
    template = tmp_path / "templates/front/_common.cfg.j2"
    sound = template.read_text()
    template.write_text(sound.replace("timeout connect 200ms", "timeout connect soon"))
    assert template.read_text() != sound
    before = _front_door(configured)

    program = [sys.executable, "-m", "tests.end_to_end.other_templates", str(tmp_path), DRIFTED]
    done = subprocess.run(program, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert not report["ok"]
    (failure,) = report["nodes"][DRIFTED]["failures"]
    assert "haproxy" in failure["message"]
    assert "ALERT" in failure["message"]
    assert _front_door(configured) == before
    configured.await_steady()


def _front_door(system: System) -> tuple[str, str]:
    """The file, and which process works by it."""
    process = system.inside(DRIFTED, "systemctl", "show", "--property=MainPID,NRestarts", "haproxy.service")
    return system.inside(DRIFTED, "cat", FRONT_DOOR), process
