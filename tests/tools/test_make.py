"""The entry points that the README promises exist and parse."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ["tools/bootstrap", "tools/preflight", "tools/lint", "tools/clean", ".ci/run"]


@pytest.mark.parametrize("target", ["demo", "test", "test-fast", "lint", "clean"])
def test_make_knows_the_target(target: str) -> None:
    answer = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111
    subprocess.run(["sh", "-n", ROOT / script], check=True)


def test_a_machine_that_cannot_run_the_lab_is_told_all_it_lacks_in_one_message() -> None:
    script = (ROOT / "tools/preflight").read_text()
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    answer = subprocess.run(
        [*as_nobody, "/bin/sh"],
        input=script,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.count("this machine cannot run the lab") == 1
    assert "- root (this is user" in answer.stderr
    assert "remedy: run the same command as root" in answer.stderr


@pytest.mark.lab
def test_a_machine_that_can_run_the_lab_is_told_nothing() -> None:
    answer = subprocess.run([ROOT / "tools/preflight"], capture_output=True, text=True, check=False)
    lacking = [line for line in answer.stderr.splitlines() if line.startswith("  - ")]
    # The tests themselves may have taken the last of the disk that is asked for beforehand.
    assert [line for line in lacking if "of free disk" not in line] == []
    assert answer.stdout == ""
    if not lacking:
        assert (answer.returncode, answer.stderr) == (0, "")


def test_the_readme_names_every_target_and_only_those() -> None:
    readme = (ROOT / "README.md").read_text()
    promised = set(re.findall(r"\bmake ([a-z][a-z-]*)", readme))
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    assert promised == set(phony[1].split()) - {"help", "bootstrap", "python"}
