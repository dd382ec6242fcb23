"""Debian's own NATS servers with the configuration of the lab's three store nodes; prints what happened.

Run as `python -m tests.failover.store_stage IMAGE WORK` in namespaces of its own (network, mounts, PIDs):
everything it starts ends with it. WORK holds each node's rendered files, as `write_nodes` laid them out.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from failover.config import StoreAccess, StoreServer
from failover.errors import StoreConflict, StoreError
from failover.lease import Entry
from failover.store import NatsStore
from fleet.ports import STORE_PORT
from fleet.store_certificates import Authorities, Identity

ON_NODES = "/etc/mtafleet/nats"
PATIENCE_SECONDS = 90.0
BETWEEN_TRIES_SECONDS = 0.2


class Server:
    """One node's server, in the image, with its files and its data below /mnt."""

    def __init__(self, image: str, work: Path, name: str, address: str) -> None:
        self.image, self.work, self.name, self.address = image, work, name, address
        self.home = work / name
        text = (self.home / "server.conf").read_text()
        text = text.replace(ON_NODES, f"/mnt/{name}").replace("/var/lib/nats", f"/mnt/{name}/data")
        (self.home / "server.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.home / "log").open("a") as log:
            self._process = subprocess.Popen(self._command(), stderr=log, stdout=log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def is_valid(self) -> bool:
        done = subprocess.run(self._command("-t"), capture_output=True, check=False)
        (self.home / "check").write_bytes(done.stdout + done.stderr)
        return done.returncode == 0

    def _command(self, *options: str) -> list[str]:
        program = ["chroot", self.image, "/usr/sbin/nats-server"]
        return [*program, *options, "-c", f"/mnt/{self.name}/server.conf"]


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def build_stage(image: str, work: Path, addresses: dict[str, str]) -> list[Server]:
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    for address in addresses.values():
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("mount", "--bind", image, image)
    run("mount", "--bind", str(work), f"{image}/mnt")
    return [Server(image, work, name, address) for name, address in addresses.items()]


def client(servers: list[Server], work: Path, label: str, authority_pem: str, own: Identity) -> NatsStore:
    home = work / label
    home.mkdir()
    (home / "ca.pem").write_text(authority_pem)
    (home / "own.pem").write_text(own.certificate_pem)
    (home / "own.key").write_text(own.private_key_pem)
    return NatsStore(
        StoreAccess(
            servers=tuple(StoreServer(one.name, one.address, STORE_PORT) for one in servers),
            replicas=len(servers),
            client=label,
            authority_file=home / "ca.pem",
            certificate_file=home / "own.pem",
            key_file=home / "own.key",
        )
    )


async def once_it_answers(store: NatsStore) -> Entry | None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await store.get()
        except StoreError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(BETWEEN_TRIES_SECONDS)


async def once_written(store: NatsStore, value: bytes) -> int:
    """The revision of `value`, as soon as it is what the store holds."""
    while True:
        entry = await once_it_answers(store)
        if entry is not None and entry.value == value:
            return entry.revision
        with contextlib.suppress(StoreError):  # servers choose leaders, and the machine may be busy
            await (store.update(value, entry.revision) if entry else store.create(value))


async def refusal(store: NatsStore) -> str:
    """What is said to who asks each server once; empty when one of them answers."""
    said = ""
    for _ in store._access.servers:
        try:
            await store.get()
        except StoreError as error:
            said = str(error)
        else:
            return ""
    await store.close()
    return said


async def conflict(store: NatsStore, revision: int) -> bool:
    """Whether an update of that revision is refused, as soon as the servers have anything to say to it."""
    while True:
        try:
            await store.update(b"stale", revision)
        except StoreConflict:
            return True
        except StoreError:
            await once_it_answers(store)
        else:
            return False


async def play(servers: list[Server], work: Path, secret: str, name: str) -> dict[str, Any]:
    told: dict[str, Any] = {"valid": [one.is_valid() for one in servers]}
    for one in servers:
        one.start()
    ours = Authorities(secret, "lab")
    store = client(servers, work, "known", ours.servers_pem, ours.client(name))
    told["empty at first"] = await once_it_answers(store) is None
    first = await once_written(store, b"one")
    told["created twice"] = await conflict(store, 0)
    second = await once_written(store, b"two")
    told["stale revision"] = await conflict(store, first)
    told["value"] = await once_it_answers(store) == Entry(b"two", second)
    strangers = {
        "another fleet": Authorities("another", "lab").client(name),
        "unknown name": ours.client("failover.stranger.fleet.example"),
    }
    told["refused"] = {
        label: bool(await refusal(client(servers, work, label, ours.servers_pem, own)))
        for label, own in strangers.items()
    }
    told["copies"] = sum(any(one.home.glob("data/**/KV_mtafleet")) for one in servers)
    servers[0].kill()
    told["with one dead"] = (await once_it_answers(store)) == Entry(b"two", second)
    third = await once_written(store, b"three")
    servers[1].kill()
    told["without quorum"] = await _is_refused(store, third)
    for one in servers[:2]:
        one.start()
    # What was refused for want of an answer may have happened all the same.
    told["after all"] = await once_it_answers(store) in (Entry(b"three", third), Entry(b"four", third + 1))
    await store.close()
    return told


async def _is_refused(store: NatsStore, revision: int) -> bool:
    """Whether a write that most copies cannot confirm does not count as done."""
    try:
        await store.update(b"four", revision)
    except StoreConflict:
        return False
    except StoreError:
        return True
    return False


def main() -> None:
    image, work = sys.argv[1], Path(sys.argv[2])
    stage = json.loads((work / "stage.json").read_text())
    servers = build_stage(image, work, stage["addresses"])
    print(json.dumps(asyncio.run(play(servers, work, stage["secret"], stage["client"]))))


if __name__ == "__main__":
    main()
