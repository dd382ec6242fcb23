"""The lab as a whole: nothing leaves it, and nothing of it stays."""

import socket
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from lab.api import netns, outer
from tests.end_to_end.command import mtafleet
from tests.end_to_end.smtp import reachable
from tests.end_to_end.system import NAME, WORLD, System, at_once
from tests.lab.conftest import traces


def test_no_machine_reaches_this_computer_or_beyond(configured: System) -> None:
    """Towards a real listener on this computer; and the lab's own namespace has no link to anywhere."""
    machines = [*(node.name for node in configured.fleet.nodes), WORLD]
    networks = [*map(configured.network, machines), netns.operator_network(configured.paths)]
    with closing(socket.create_server(("0.0.0.0", 0))) as listener:  # noqa: S104  every address of this computer
        port = int(listener.getsockname()[1])
        doors = [(network, address, port) for network in networks for address in _own_addresses()]
        assert at_once(lambda door: reachable(*door), doors) == [False] * len(doors)
    namespace = outer.require(configured.paths)
    links = outer.run(namespace, ["ip", "-brief", "link"])
    assert [line.split()[0] for line in links.splitlines()] == ["lo"]


def test_destroy_leaves_nothing(configured: System, adopted: bool) -> None:
    if adopted:
        pytest.skip("this lab was there before the tests, so they leave it")
    done = mtafleet("destroy", NAME, "--yes")
    assert done.status == 0, done.text
    assert traces(configured.paths) == []
    configured.await_no_process()
    assert not configured.exists
    again = mtafleet("destroy", NAME, "--yes")
    assert again.status == 0, again.text


def _own_addresses() -> list[str]:
    """This computer's addresses, as it would be spoken to from outside; by what its kernel knows."""
    table = Path("/proc/net/fib_trie").read_text().splitlines()
    found = {
        line.split()[-1] for line, after in pairwise(table) if "|--" in line and "/32 host LOCAL" in after
    }
    return sorted(address for address in found if not address.startswith("127."))
