"""The node's tool: exactly what the bundle says, or everything as it was."""

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.configure.tool import file, load_part, write_bundle

tool, install = load_part("tree"), load_part("install")
ME = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


class Box:
    """A file system of its own for the tool to work on."""

    def __init__(self, where: Path) -> None:
        self.root = where / "root"
        (self.root / "etc").mkdir(parents=True)
        self.state = where / "state"
        self.bundle = where / "bundle.pyz"

    def ship(self, *entries: dict[str, Any], **more: Any) -> None:
        write_bundle(self.bundle, "web", [{**ME, **one} for one in entries], **more)

    def apply(self, *flags: str) -> dict[str, Any]:
        result: dict[str, Any] = tool.apply(tool.parse([*self.words(), *flags]), self.node())
        return result

    def words(self) -> list[str]:
        places = ["--root", str(self.root), "--state", str(self.state)]
        return ["apply", "web", "--bundle", str(self.bundle), *places]

    def node(self) -> Any:
        self.state.mkdir(mode=0o700, exist_ok=True)
        return tool.Node(self.root, self.state)

    def snapshot(self) -> dict[str, tuple[int, str]]:
        return {
            str(one.relative_to(self.root)): (
                one.lstat().st_mode,
                str(one.readlink()) if one.is_symlink() else one.read_text() if one.is_file() else "",
            )
            for one in sorted(self.root.rglob("*"))
        }


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_installs_content_mode_links_and_directories_and_then_rests(box: Box) -> None:
    box.ship(
        {"path": "/etc/web", "kind": "directory", "mode": "0750"},
        file("/etc/web/site.conf", "listen 443\n", mode="0640"),
        {"path": "/etc/web/current", "kind": "link", "target": "site.conf"},
    )
    assert sorted(box.apply()["changed"]) == ["/etc/web", "/etc/web/current", "/etc/web/site.conf"]
    assert box.snapshot() == {
        "etc": (0o040755, ""),
        "etc/web": (0o040750, ""),
        "etc/web/current": (0o120777, "site.conf"),
        "etc/web/site.conf": (0o100640, "listen 443\n"),
    }
    again = box.apply()
    assert (again["changed"], again["actions"]) == ([], [])


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        (lambda path: path.write_text("edited by hand"), "content"),
        (lambda path: path.chmod(0o666), "mode 0666"),
        (lambda path: path.unlink(), "missing"),
    ],
)
def test_drift_is_named_by_check_and_put_right_by_apply(box: Box, drift: Any, reason: str) -> None:
    box.ship(file("/etc/a", "a"))
    box.apply()
    drift(box.root / "etc/a")
    before = box.snapshot()
    assert box.apply("--check")["reasons"] == {"/etc/a": reason}
    assert box.snapshot() == before
    assert box.apply()["changed"] == ["/etc/a"]
    assert (box.root / "etc/a").read_text() == "a"


def test_check_on_a_fresh_node_touches_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.ship(file("/etc/a", "a", owner="nobody-yet"), validate=[["false"]])
    assert tool.main([*box.words(), "--check"]) == 0
    assert not box.state.exists()
    assert box.snapshot() == {"etc": (0o040755, "")}


def test_what_is_no_longer_shipped_goes_away_but_foreign_files_stay(box: Box) -> None:
    box.ship(
        {"path": "/etc/web", "kind": "directory", "mode": "0755"},
        {"path": "/etc/web/old", "kind": "directory", "mode": "0755"},
        file("/etc/web/old/x", "x"),
        file("/etc/web/keep", "k"),
        file("/etc/zone", "first", once=True),
    )
    box.apply()
    (box.root / "etc/web/foreign").write_text("theirs")
    box.ship(file("/etc/web/keep", "k"))
    assert set(box.apply()["changed"]) == {"/etc/web", "/etc/web/old", "/etc/web/old/x"}
    assert {"etc/web/foreign", "etc/web/keep", "etc/zone"} <= set(box.snapshot())
    assert "etc/web/old" not in box.snapshot()


def test_once_entries_belong_to_the_service_after_their_creation(box: Box) -> None:
    box.ship(file("/etc/zone", "serial 1", once=True))
    box.apply()
    (box.root / "etc/zone").write_text("serial 99")
    box.ship(file("/etc/zone", "serial 2", once=True))
    assert box.apply()["changed"] == []
    assert (box.root / "etc/zone").read_text() == "serial 99"


def test_a_failed_validation_changes_nothing(box: Box) -> None:
    box.ship(file("/etc/a", "good"))
    box.apply()
    before = box.snapshot()
    box.ship(
        file("/etc/a", "bad"),
        file("/etc/b", "new"),
        validate=[["grep", "-q", "good", str(box.root / "etc/a")]],
    )
    with pytest.raises(tool.TreeError, match=r"grep .* failed with status 1"):
        box.apply()
    assert box.snapshot() == before
    with pytest.raises(tool.TreeError):
        box.apply("--check")


@pytest.mark.parametrize("late", [False, True])
def test_validation_sees_the_new_files_with_and_without_rehearsal(
    box: Box, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if late:
        monkeypatch.setattr(tool, "rehearse", lambda *_: "not possible")
    box.ship(file("/etc/a", "good"), validate=[["grep", "-q", "good", str(box.root / "etc/a")]])
    assert box.apply()["changed"] == ["/etc/a"]
    before = box.snapshot()
    box.ship(file("/etc/a", "bad"), validate=[["grep", "-q", "good", str(box.root / "etc/a")]])
    with pytest.raises(tool.TreeError):
        box.apply()
    assert box.snapshot() == before


def interrupted_trees(box: Box) -> None:
    box.ship(
        {"path": "/etc/d", "kind": "directory", "mode": "0755"},
        file("/etc/d/changed", "old", mode="0600"),
        file("/etc/d/dropped", "old"),
        {"path": "/etc/d/link", "kind": "link", "target": "changed"},
    )
    box.apply()
    box.ship(
        file("/etc/d/changed", "new", mode="0644"),
        file("/etc/fresh/deep/file", "new"),
        {"path": "/etc/d/link", "kind": "link", "target": "elsewhere"},
    )


@pytest.mark.parametrize("survived", range(6))
def test_every_interrupted_run_is_undone_by_the_next(
    box: Box, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut the power after each number of steps; what is on disk then must lead back to the start."""
    interrupted_trees(box)
    before = box.snapshot()
    steps = 0

    def cut(step: Any) -> Any:
        def stepped(*words: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps > survived:
                raise SystemExit("power cut")
            return step(*words, **named)

        return stepped

    with monkeypatch.context() as patch:
        patch.setattr(install, "place", cut(install.place))
        patch.setattr(install, "remove", cut(install.remove))
        patch.setattr(tool, "close_journal", cut(tool.close_journal))
        patch.setattr(tool, "undo", lambda _: None)
        with pytest.raises(SystemExit):
            box.apply()
    assert tool.undo(box.node()) in {"web", None}
    after = box.snapshot()
    assert after == before
    assert "/etc/d/changed" in box.apply()["changed"]
    assert (box.root / "etc/fresh/deep/file").read_text() == "new"


def test_a_failing_action_is_remembered_until_it_succeeds(box: Box) -> None:
    flag = box.root / "allowed"
    box.ship(
        file("/etc/a", "a"),
        actions=[
            {"paths": ["/etc/a*"], "run": ["test", "-e", str(flag)]},
            {"paths": ["/etc/b*"], "run": ["false"]},
        ],
    )
    with pytest.raises(tool.TreeError, match="test -e"):
        box.apply()
    assert (box.root / "etc/a").read_text() == "a"
    with pytest.raises(tool.TreeError):
        box.apply()
    flag.touch()
    assert box.apply()["actions"] == [f"test -e {flag}"]
    assert box.apply()["actions"] == []


@pytest.mark.parametrize("path", ["relative", "/etc/../shadow", "/", "/etc//x"])
def test_odd_paths_are_refused(box: Box, path: str) -> None:
    box.ship({"path": path, "kind": "absent"})
    with pytest.raises(tool.TreeError, match="absolute and normal"):
        box.apply()


def test_a_directory_in_the_way_is_left_alone(box: Box) -> None:
    (box.root / "etc/a").mkdir()
    box.ship(file("/etc/a", "a"))
    with pytest.raises(tool.TreeError, match="move it away by hand"):
        box.apply()


def test_as_a_program_it_prints_json_or_one_line_on_stderr(box: Box) -> None:
    box.ship(file("/etc/a", "a"))
    command = [sys.executable, "-I", str(box.bundle), "apply"]
    places = ["--root", str(box.root), "--state", str(box.state)]
    good = subprocess.run([*command, "web", *places], capture_output=True, text=True, check=True)
    assert json.loads(good.stdout)["changed"] == ["/etc/a"]
    bad = subprocess.run([*command, "mail", *places], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("mtafleet-tree: ")
    assert "no tree of the role mail" in bad.stderr


def test_a_file_that_moved_to_another_role_stays(box: Box) -> None:
    box.ship(file("/etc/a", "a"), file("/etc/b", "b"))
    box.apply()
    (box.state / "mail.json").write_text(json.dumps({"shipped": {"/etc/b": "file"}, "pending": []}))
    box.ship(file("/etc/a", "a"))
    assert box.apply()["changed"] == []
    assert (box.root / "etc/b").read_text() == "b"
