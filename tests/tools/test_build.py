"""The engine's build: pins, lock, toolchain and what is left behind."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.engine.locate import ENGINE_FILES
from infra.engine.versions import MINIMUM_CLI, MINIMUM_GO
from tools.pulumi.build import SCRIPTS, SOURCES, TARGETS, exclusive
from tools.pulumi.toolchain import discard_own_go, fitting_go, go_environment

ROOT = Path(__file__).resolve().parents[2]


def go_reporting(directory: Path, words: str) -> Path:
    go = directory / "go"
    directory.mkdir(parents=True)
    go.write_text(f"#!/bin/sh\necho '{words}'\n")
    go.chmod(0o755)
    return go


@pytest.mark.parametrize("module", ["cli", "language-python"])
def test_every_source_is_pinned_by_checksum(module: str) -> None:
    required = re.findall(
        r"^\s*(?:require )?(\S+\.\S+/?\S*) (v\S+)", (SOURCES / module / "go.mod").read_text(), re.M
    )
    sums = (SOURCES / module / "go.sum").read_text()
    assert required
    assert all(f"{name} {version}/go.mod h1:" in sums for name, version in required)
    assert f"go {MINIMUM_GO}\n" in (SOURCES / module / "go.mod").read_text()


def test_the_build_makes_the_version_that_the_python_package_has() -> None:
    assert f"github.com/pulumi/pulumi/pkg/v3 v{MINIMUM_CLI} " in (SOURCES / "cli" / "go.mod").read_text()
    assert f'name = "pulumi"\nversion = "{MINIMUM_CLI}"\n' in (ROOT / "uv.lock").read_text()


def test_the_build_makes_every_file_of_the_engine() -> None:
    made = {Path(script).name for script in SCRIPTS} | {package.rsplit("/", 1)[1] for _, package in TARGETS}
    assert made == set(ENGINE_FILES)


@pytest.mark.parametrize("requirements", ["tools/uv-requirements.txt", "tools/pulumi/go-requirements.txt"])
def test_downloaded_tools_are_pinned_by_hash(requirements: str) -> None:
    text = (ROOT / requirements).read_text()
    assert re.search(r"^[a-z-]+==[\d.]+ \\$", text, re.M)
    assert "--hash=sha256:" in text


def test_the_first_go_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "go"
    old = go_reporting(tmp_path / "old", "go version go1.24.4 linux/amd64")
    odd = go_reporting(tmp_path / "odd", "devel")
    new = go_reporting(tmp_path / "new", "go version go1.26.6 linux/amd64")
    assert fitting_go([absent, old, odd, new]) == new
    assert fitting_go([absent, old, odd]) is None


def test_a_toolchain_of_ours_keeps_everything_beside_itself_and_goes_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTAFLEET_CACHE", str(tmp_path))
    monkeypatch.setenv("GOMODCACHE", "/elsewhere")
    go = go_reporting(tmp_path / "go" / "pinned" / "bin", "go version go1.26.6 linux/amd64")
    environment = go_environment(go)
    assert "GOMODCACHE" not in environment
    assert Path(environment["GOPATH"]).is_relative_to(tmp_path / "go")
    assert Path(environment["GOCACHE"]).is_relative_to(tmp_path / "go")
    discard_own_go()
    assert not (tmp_path / "go").exists()


def test_someone_elses_toolchain_keeps_its_own_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTAFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GOMODCACHE", "/elsewhere")
    environment = go_environment(tmp_path / "go")
    assert environment["GOMODCACHE"] == "/elsewhere"
    assert "-modcacherw" not in environment["GOFLAGS"]


def test_two_builds_exclude_each_other_and_a_dead_one_frees_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "pulumi" / "lock"
    try_lock = f"import fcntl; fcntl.flock(open({str(lock)!r}, 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with exclusive(lock):
        refused = subprocess.run(
            [sys.executable, "-c", try_lock], capture_output=True, text=True, check=False
        )
        assert "BlockingIOError" in refused.stderr
    subprocess.run([sys.executable, "-c", try_lock + "; import os; os.abort()"], check=False)
    with exclusive(lock):
        pass
