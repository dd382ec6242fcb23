"""Taking Postfix instances of former pools away: never while mail waits in them."""

import os
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "templates/postfix/usr/local/lib/mtafleet/retire-instances"


class Node:
    """A made-up root for the program, with a `systemctl` that only notes what it was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.program = root / "retire-instances"
        text = PROGRAM.read_text().replace("/var/", f"{root}/var/")
        self.program.write_text(text)
        (root / "bin").mkdir()
        systemctl = root / "bin/systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$*" >>{root}/told\n')
        systemctl.chmod(0o755)
        for name in ("orders", "news", "inbound"):
            (root / f"var/spool/postfix-{name}/deferred/A").mkdir(parents=True)
            (root / f"var/lib/postfix-{name}").mkdir(parents=True)

    def run(self, asked: str, *names: str) -> tuple[int, str]:
        path = f"{self.root}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", str(self.program), asked, *names],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    @property
    def spools(self) -> set[str]:
        return {one.name.removeprefix("postfix-") for one in (self.root / "var/spool").iterdir()}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("asked", ["check", "retire"])
def test_a_pool_whose_mail_waits_is_kept_and_named(node: Node, asked: str) -> None:
    (node.root / "var/spool/postfix-news/deferred/A/A1B2").write_text("a message")
    status, said = node.run(asked, "orders")
    assert status == 1
    assert "the pool news is no longer wanted, but 1 of its messages wait here" in said
    assert "news" in node.spools
    assert not (node.root / "told").exists()


def test_an_empty_one_is_stopped_and_removed_and_nothing_else(node: Node) -> None:
    assert node.run("check", "orders") == (0, "")
    assert node.spools == {"orders", "news", "inbound"}
    assert node.run("retire", "orders") == (0, "")
    assert node.spools == {"orders", "inbound"}
    assert (node.root / "told").read_text().splitlines()[0] == "disable --now postfix@news.service"
    assert not (node.root / "var/lib/postfix-news").exists()
