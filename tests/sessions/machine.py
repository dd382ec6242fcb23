"""Machines that speak SSH on loopback, each with a host key of its own, served from a thread of the test."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncssh

Answer = Callable[[str], tuple[str, int]]
"""What a machine says to a command, and the command's exit status."""


@dataclass
class Machine:
    """One machine. `heard` are the commands it was given, `left` is set whenever a connection has ended."""

    name: str
    answer: Answer
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    port: int = 0
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def public_key(self) -> str:
        """As the state holds it: without a comment."""
        return " ".join(self.host_key.export_public_key().decode().split()[:2])

    async def serve(self, process: "asyncssh.SSHServerProcess[str]") -> None:
        """Hear one command, and answer."""
        command = process.command or ""
        self.heard.append(command)
        said, status = self.answer(command)
        process.stdout.write(said)
        process.exit(status)


class _Door(asyncssh.SSHServer):
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._machine.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._machine.left.set()


@contextmanager
def machines(names: list[str], admitted: asyncssh.SSHKey, answer: Answer) -> Iterator[dict[str, Machine]]:
    """Machines that let in who has the key `admitted`, by name."""
    made = {name: Machine(name, answer) for name in names}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        servers = asyncio.run_coroutine_threadsafe(_listen(made, admitted), loop).result()
        yield made
        asyncio.run_coroutine_threadsafe(_close(servers), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(made: dict[str, Machine], admitted: asyncssh.SSHKey) -> list[asyncssh.SSHAcceptor]:
    keys = asyncssh.import_authorized_keys(admitted.export_public_key().decode())
    servers = []
    for machine in made.values():
        server = await asyncssh.create_server(
            lambda machine=machine: _Door(machine),
            "127.0.0.1",
            0,
            server_host_keys=[machine.host_key],
            authorized_client_keys=keys,
            process_factory=machine.serve,
            line_editor=False,
        )
        machine.port = server.get_port()
        servers.append(server)
    return servers


async def _close(servers: list[asyncssh.SSHAcceptor]) -> None:
    for server in servers:
        server.close()
        await server.wait_closed()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
