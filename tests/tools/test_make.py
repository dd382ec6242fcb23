"""The entry points that the README promises exist and parse."""

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
