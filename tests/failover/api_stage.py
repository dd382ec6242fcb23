"""The API as nodes serve it, on loopback with real TLS, beside a daemon that a test drives; its client."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from failover.api.http import Handler, Limits, Server, listen
from failover.api.relay import Relay
from failover.api.service import Service
from failover.api.settings import ApiSettings, parse_settings, tls_context
from failover.errors import StatusError
from failover.status import describe
from fleet.api_tokens import ApiRole, token, token_hashes
from fleet.store_certificates import Authorities
from tests.failover.test_daemon import Rig

SECRET = "secret-of-the-api"
NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
PATIENCE_SECONDS = 60.0
PATIENT = Limits(handshake_seconds=PATIENCE_SECONDS, request_seconds=PATIENCE_SECONDS)
"""A busy computer is no slow client."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def settings(directory: Path, **changes: Any) -> dict[str, Any]:
    """What a node's API is told, as decoded JSON; its certificate and key are in `directory`."""
    authorities = Authorities(SECRET, "lab", "api")
    own = authorities.server("east-1.fleet.example", IPv4Address("127.0.0.1"))
    (directory / "api-ca.pem").write_text(authorities.servers_pem)
    (directory / "api.pem").write_text(own.certificate_pem)
    (directory / "api.key").write_text(own.private_key_pem)
    value = {
        "node": "east-1",
        "nodes": {"east-1": "127.0.0.1", "west-1": "127.0.0.2"},
        "address": "127.0.0.1",
        "port": 10443,
        "authority_file": str(directory / "api-ca.pem"),
        "certificate_file": str(directory / "api.pem"),
        "key_file": str(directory / "api.key"),
        "token_hashes": dict(token_hashes(SECRET)),
        "status_socket": str(directory / "status.sock"),
        "events_file": str(directory / "events.jsonl"),
        "maintenance": {"orders": str(directory / "orders.json"), "last_good": str(directory / "good.json")},
    }
    return value | changes


@dataclass
class Stage:
    """One node's API and the daemon behind it."""

    rig: Rig
    settings: ApiSettings
    port: int = 0
    log: list[str] = field(default_factory=list)
    down: bool = False
    """Whether the daemon cannot be asked."""

    def ask_daemon(self) -> dict[str, Any]:
        if self.down:
            raise StatusError("status.sock: the failover daemon cannot be asked: no such file")
        return describe(self.rig.daemon, self.rig.now)

    @property
    def context(self) -> ssl.SSLContext:
        """A client's, that trusts the fleet's authority alone."""
        return ssl.create_default_context(cadata=Authorities(SECRET, "lab", "api").servers_pem)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    async def send(self, raw: bytes) -> Reply:
        """What is answered to these very bytes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await self.connect()
            writer.write(raw)
            answer = await reader.read()
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        line, _, headers = head.partition(b"\r\n")
        return Reply(int(line.split()[1]), BytesHeaderParser().parsebytes(headers), body)

    async def ask(
        self, method: str, target: str, role: ApiRole | None = ApiRole.READER, body: Any = None
    ) -> Reply:
        lines = [f"{method} {target} HTTP/1.1", "Host: east-1"]
        if role is not None:
            lines.append(f"Authorization: Bearer {token(SECRET, role)}")
        sent = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
        return await self.send("\r\n".join([*lines, "", ""]).encode() + sent)


@asynccontextmanager
async def stage_in(
    directory: Path,
    handle: Handler | None = None,
    limits: Limits = PATIENT,
    relay: Relay | None = None,
) -> AsyncIterator[Stage]:
    """A stage whose daemon keeps its files in `directory`; `handle` answers in the API's place."""
    rig = Rig(directory)
    stage = Stage(rig, parse_settings(settings(directory)))
    listening = listen("127.0.0.1", 0)
    stage.port = listening.getsockname()[1]
    with ThreadPoolExecutor(2) as executor:
        service = Service(stage.settings, executor, stage.ask_daemon, lambda: NOW, relay, stage.log.append)
        context = tls_context(stage.settings)
        server = Server(listening, context, handle or service.handle, service.refuse, limits)
        task = asyncio.create_task(server.run())
        try:
            yield stage
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            listening.close()
            rig.daemon.prober.close()
