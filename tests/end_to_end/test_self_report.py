"""A node says itself what no probe can see, and mail goes round it until that is mended."""

import re
from collections.abc import Iterator

import pytest

from tests.end_to_end.system import System, await_that

VICTIM = "west-2"
SPOOL = "/var/spool/postfix-crowded"
FULL = f"mkdir {SPOOL} && mount -t tmpfs -o size=4m crowded {SPOOL} && fallocate -l 4000k {SPOOL}/filler"
MENDED = f"if mountpoint -q {SPOOL}; then umount {SPOOL}; fi; rm -rf {SPOOL}"
REASON = re.compile(r"its spool has \d % left, less than 5 %")


@pytest.fixture
def crowded(configured: System) -> Iterator[System]:
    """One node with one more spool, on a small disk that is full; no other test's mail is in the way."""
    configured.await_steady()
    configured.inside(VICTIM, "sh", "-c", FULL)
    try:
        yield configured
    finally:
        configured.inside(VICTIM, "sh", "-c", MENDED)
        configured.await_steady()


def test_a_full_disk_takes_a_node_out_of_every_front_door_and_all_say_why(crowded: System) -> None:
    names = [node.name for node in crowded.fleet.nodes]

    def all_say_why() -> bool:
        """Whether every daemon gives the full disk as its reason, for each of the node's instances."""
        found = [crowded.daemon(name)["pools"] for name in names]
        members = [pools[pool][VICTIM]["relay"] for pools in found for pool in pools if pool != "front"]
        return all(not one["in_service"] and REASON.search(one["reason"]) for one in members)

    def is_drained() -> bool:
        servers = crowded.daemon(crowded.others(VICTIM)[0].name)["haproxy"]["servers"]
        states = {one["state"] for server, one in servers.items() if server.endswith(f"/{VICTIM}")}
        return states == {"drain"}

    await_that("every daemon gives the full disk as its reason", all_say_why)
    await_that("another front door gives it no sessions", is_drained)
    status = crowded.daemon(VICTIM)
    complaints = {one["ailment"]: one for one in status["vitals"]["complaints"][VICTIM]}
    assert REASON.fullmatch(complaints["disk"]["reason"])
    assert not complaints["disk"]["common"]


def test_a_message_of_every_node_gets_through_each_of_its_instances(configured: System) -> None:
    pools = {one.pool for one in configured.fleet.pools}

    def all_arrive() -> bool:
        """Whether each node has had a message back through each of its instances, the last one too."""
        for node in configured.fleet.mta_nodes:
            status = configured.daemon(node.name)
            good = {
                one["subject"]
                for one in status["checks"]
                if one["check"] == "canary" and one["state"] == "good"
            }
            if good != pools or not all(status["canaries"][pool]["arrived"] for pool in pools):
                return False
        return True

    await_that("every node's canaries arrive, of every pool", all_arrive)
