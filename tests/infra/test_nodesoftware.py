"""The nodes' software: what goes into the tree, what stays out, when it is built again."""

import shutil
from pathlib import Path

import pytest

from infra.nodesoftware import NodeSoftwareError, node_software, software_files

FAKE_UV = """#!/bin/sh
# Behaves like uv as far as building the tree needs it; each call leaves a line in `calls`.
echo "$*" >> "$CALLS"
last() { for last; do :; done; echo "$last"; }
case "$1 $2" in
  "export --quiet") echo 'thing==1 --hash=sha256:00' > "$(last "$@")" ;;
  "build --quiet") mkdir -p "$(last "$@")"; : > "$(last "$@")/mtafleet-1-py3-none-any.whl" ;;
  "pip install")
    while [ "$1" != --target ]; do shift; done
    mkdir -p "$2/bin" "$2/thing/__pycache__" "$2/thing-1.dist-info"
    echo 'x = 1' > "$2/thing/__init__.py"; : > "$2/thing/__init__.pyi"; : > "$2/thing/__pycache__/a.pyc"
    : > "$2/bin/thing"; date > "$2/thing-1.dist-info/RECORD"; echo MIT > "$2/thing-1.dist-info/LICENSE" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in ("fleet", "failover"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text("")
    for name in ("pyproject.toml", "uv.lock", "README.md"):
        (root / name).write_text(name)
    return root


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    uv = tmp_path / "uv"
    uv.write_text(FAKE_UV)
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_the_tree_holds_modules_and_licences_and_nothing_that_varies(
    project: Path, calls: Path, tmp_path: Path
) -> None:
    files = software_files(node_software(project, tmp_path / "cache"))
    assert [file.path for file in files] == [
        "/opt/mtafleet/lib/thing/__init__.py",
        "/opt/mtafleet/lib/thing-1.dist-info/LICENSE",
    ]


def test_dependencies_are_hash_checked_wheels_for_the_nodes_python(
    project: Path, calls: Path, tmp_path: Path
) -> None:
    node_software(project, tmp_path / "cache")
    install = calls.read_text().splitlines()[1]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert "--python-version 3.13 --python-platform x86_64-manylinux_2_28" in install


def test_a_second_call_builds_nothing_and_a_changed_source_builds_again(
    project: Path, calls: Path, tmp_path: Path
) -> None:
    first = node_software(project, tmp_path / "cache")
    before = calls.read_text()
    assert node_software(project, tmp_path / "cache") == first
    assert calls.read_text() == before
    (project / "failover" / "new.py").write_text("y = 2\n")
    assert node_software(project, tmp_path / "cache").digest != first.digest
    assert calls.read_text() != before


def test_a_failed_step_is_told_in_one_message(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'no such index' >&2; exit 2\n")
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    with pytest.raises(NodeSoftwareError, match="uv export --quiet: no such index"):
        node_software(project, tmp_path / "cache")
    assert list((tmp_path / "cache" / "nodesoftware").iterdir()) == [
        tmp_path / "cache" / "nodesoftware" / "lock"
    ]


def test_without_uv_the_remedy_is_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NodeSoftwareError, match="uv is not on PATH"):
        node_software(project, tmp_path / "cache")
