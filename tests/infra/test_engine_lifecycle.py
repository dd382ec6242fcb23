"""The program and both providers under the real Pulumi engine; only the computer below is a fake."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.engine import find_engine
from infra.engine.leftovers import recover
from tests.infra.stack import STACK, Stack

MACHINES = 5  # a node in each region, the witness, the application host, the internet

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_engine() is None, reason="no Pulumi engine: tools/bootstrap builds one"),
]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack.make(tmp_path)
    yield made
    made.end()


@pytest.fixture
def provisioned(stack: Stack) -> Stack:
    result = stack.up()
    assert result.status == 0, result.text
    return stack


def assert_unreadable(secrets: dict[str, Any], folder: Path) -> None:
    """No file below `folder` holds a password, a shared secret or a line of a private key."""
    pems = [pem for keys in secrets["dkim"].values() for pem in keys.values()]
    values = [
        *secrets["users"].values(),
        secrets["tsig"]["secret"],
        *(pem.splitlines()[1] for pem in (*pems, secrets["ssh_private_key"])),
    ]
    for file in folder.rglob("*.json"):
        text = file.read_text()
        assert not any(value in text for value in values), file


def test_the_life_of_a_fleet(provisioned: Stack) -> None:
    """From nothing, unchanged, a changed limit and link, a dead machine, and gone without a trace."""
    stack, computer = provisioned, provisioned.computer
    assert len(computer.names("machines")) == MACHINES
    secrets = stack.outputs()["secrets"]

    unchanged = stack.up()
    assert set(unchanged.counts) == {"unchanged"}, unchanged.text
    assert stack.outputs()["secrets"] == secrets
    assert_unreadable(secrets, stack.folder / "backend")

    stack.edit("message_bytes: 10485760", "message_bytes: 20971520")
    stack.edit("delay_milliseconds: 0", "delay_milliseconds: 40")
    preview = stack.preview()
    assert "10485760 => 20971520" in preview.text
    assert "0 => 40" in preview.text
    assert preview.counts["to update"] == 2
    assert stack.up().counts["updated"] == 2

    disk_before = computer.path("disks", "east-1").read_text()
    computer.kill("east-1")
    seen = stack.preview("--refresh")
    assert "running: false => true" in seen.text
    assert stack.up("--refresh").counts["updated"] == 1
    assert '"running": true' in computer.path("machines", "east-1").read_text()
    assert computer.path("disks", "east-1").read_text() == disk_before

    gone = stack.destroy()
    assert gone.status == 0, gone.text
    for folder in ("outer", "sites", "links", "disks", "machines", "addresses"):
        assert computer.names(folder) == []
    assert not list((computer.root / "state").iterdir())
    stack.await_end()


def test_a_killed_up_can_be_repeated(stack: Stack) -> None:
    """SIGKILL while a machine boots: the lock is lifted, what exists is adopted, nothing is made twice."""
    computer = stack.computer
    hold = computer.root / "hold"
    os.mkfifo(hold)
    engine = stack.start("up", "--stack", STACK, "--yes", "--skip-preview")
    # Opening the pipe waits until some machine is half-way through its boot.
    with hold.open("w"):
        engine.kill()
        engine.communicate()
        hold.unlink()
    disks = {name: computer.path("disks", name).read_text() for name in computer.names("disks")}
    assert disks

    assert recover(STACK, stack.project, stack.environment)
    again = stack.up()
    assert again.status == 0, again.text
    assert "pending operations" not in again.text
    assert len(computer.names("machines")) == MACHINES
    assert {name: computer.path("disks", name).read_text() for name in disks} == disks
    assert set(stack.up().counts) == {"unchanged"}
    assert stack.destroy().status == 0


def test_disks_outlive_everything_else(provisioned: Stack) -> None:
    """A restart of the computer takes networks and machines, a new network replaces them; queues stay."""
    stack, computer = provisioned, provisioned.computer
    secrets = stack.outputs()["secrets"]
    disks = {name: computer.path("disks", name).read_text() for name in computer.names("disks")}
    for folder in ("outer", "sites", "links", "machines", "addresses"):
        for name in computer.names(folder):
            computer.drop(folder, name)
    result = stack.up("--refresh")
    assert result.status == 0, result.text
    assert len(computer.names("machines")) == MACHINES
    assert {name: computer.path("disks", name).read_text() for name in computer.names("disks")} == disks
    assert stack.outputs()["secrets"] == secrets

    stack.edit("network: 198.51.100.0/24", "network: 198.51.100.0/25")
    moved = stack.up()
    assert moved.status == 0, moved.text
    assert moved.counts["replaced"] >= 3  # the site, its machine, their addresses
    assert computer.path("machines", "west-1").read_text().count('"running": true') == 1
    assert {name: computer.path("disks", name).read_text() for name in computer.names("disks")} == disks


def test_a_mistake_in_the_environment_file_is_one_message(stack: Stack) -> None:
    stack.edit("message_bytes: 10485760", "message_bites: 10485760")
    result = stack.preview()
    assert result.status != 0
    assert "message_bites" in result.text
    assert "Traceback" not in result.text
