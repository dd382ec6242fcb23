"""Router and front as real processes: what is answered while the router is well, dead or stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fleet.paths import project_root
from tests.delivery.asking import Client, wait_until
from tests.delivery.router_settings import FIRST, POOL, SECOND, settings_document, transport

GOOGLE = {f"OK {transport(ordinal)}:" for ordinal in (1, 2)}


class Pair:
    """A front and a router below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = settings_document(directory)
        (directory / "router.json").write_text(json.dumps(self.settings))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, command: str) -> None:
        words = ["-m", "delivery.router", "--settings", str(self.directory / "router.json"), command]
        with (self.directory / f"{command}.log").open("ab") as log:
            self.processes[command] = subprocess.Popen(
                [sys.executable, *words], cwd=project_root(), stdout=log, stderr=log
            )

    def send(self, number: int) -> None:
        self.processes["router"].send_signal(number)

    def end(self) -> None:
        for one in self.processes.values():
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGCONT)
            one.kill()
            one.wait()

    def client(self) -> Client:
        return Client(Path(self.settings["front_socket"]))

    def events(self) -> list[dict[str, Any]]:
        file = Path(self.settings["events_file"])
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.events() if one["kind"] == kind]

    def wait_for(self, kind: str, times: int) -> None:
        wait_until(lambda: len(self.told(kind)) >= times)

    def write_plan(self, **paths: dict[str, Any]) -> None:
        pool = {FIRST: {"google": paths["first"]}, SECOND: {"google": paths["second"]}}
        draft = self.directory / "draft.json"
        draft.write_text(json.dumps({"version": 1, "written_at": time.time(), "pools": {POOL: pool}}))
        draft.rename(self.settings["plan_file"])


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    found = Pair(tmp_path_factory.mktemp("r"))
    try:
        found.start("router")
        found.start("front")
        wait_until(lambda: Path(found.settings["front_socket"]).exists())
        found.wait_for("router_in", 1)
        yield found
    finally:
        found.end()


def test_answers_come_and_bad_manners_end_only_their_own_connection(pair: Pair) -> None:
    with pair.client() as good, pair.client() as bad:
        assert good.ask("a@gmail.com") in GOOGLE
        assert good.ask("*") == "NOTFOUND "
        assert good.ask("x@bounce.shop.example") == "OK relay:[198.51.100.11]:10026"
        assert good.ask("a@gmail.com", pool="unknown") == "PERM no such pool"
        assert bad.ask("x" * 5000) == ""
        assert good.ask("b@gmail.com") in GOOGLE
    assert Path(pair.settings["front_socket"]).stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    # A busy computer may make a router seem slow before it is found dead.
    ("fault", "was"),
    [(signal.SIGKILL, {"dead", "slow"}), (signal.SIGSTOP, {"slow"})],
    ids=["killed", "stopped"],
)
def test_the_front_takes_over_and_gives_back(pair: Pair, fault: signal.Signals, was: set[str]) -> None:
    with pair.client() as client:
        assert client.ask("a@gmail.com") in GOOGLE
        pair.send(fault)
        answers = {client.ask(f"{number}@gmail.com") for number in range(20)}
        assert answers <= GOOGLE
        pair.wait_for("router_out", 1)
        assert was & {one["was"] for one in pair.told("router_out")}
        if fault == signal.SIGKILL:
            pair.processes["router"].wait()
            pair.start("router")
        else:
            pair.send(signal.SIGCONT)
        pair.wait_for("router_in", 2)
        assert client.ask("b@gmail.com") in GOOGLE


def test_suspensions_hold_without_the_router_too(pair: Pair) -> None:
    pair.write_plan(first={"suspended_until": time.time() + 3600}, second={})
    with pair.client() as client:
        only = {f"OK {transport(2)}:"}
        wait_until(lambda: {client.ask("a@gmail.com") for _ in range(20)} == only)
        pair.send(signal.SIGKILL)
        pair.wait_for("router_out", 1)
        assert {client.ask("a@gmail.com") for _ in range(20)} == only


def test_a_changed_plan_counts_while_questions_go_on(pair: Pair) -> None:
    rest = {"suspended_until": time.time() + 3600}
    with pair.client() as client:
        assert client.ask("a@gmail.com") in GOOGLE
        pair.write_plan(first=rest, second=rest)
        wait_until(lambda: client.ask("a@gmail.com").startswith("OK retry:4.7.0 mtafleet: not yet: "))
        assert client.ask("a@yahoo.com").startswith("OK transactional-")
        (Path(pair.settings["plan_file"])).write_text("{")
        pair.wait_for("trouble", 2)  # both tell that they cannot use it
        assert client.ask("a@gmail.com").startswith("OK retry:")
        pair.write_plan(first={}, second={})
        wait_until(lambda: client.ask("a@gmail.com") in GOOGLE)


def test_mail_for_domains_that_cannot_be_looked_up_waits(pair: Pair) -> None:
    """By the wrong provider's transport it would count at another one's limits."""
    with pair.client() as client:
        assert "mail exchangers " in client.ask("a@elsewhere.example")
        pair.send(signal.SIGKILL)
        pair.wait_for("router_out", 1)
        assert "mail exchangers " in client.ask("a@elsewhere.example")
        assert client.ask("a@[192.0.2.1]").startswith("OK transactional-")
