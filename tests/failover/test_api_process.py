"""The API's process: from its settings and the daemon's own socket to an answer; what it refuses."""

import asyncio
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from failover.api.__main__ import main, serve
from failover.api.http import listen
from failover.api.settings import load_settings, parse_settings
from failover.errors import ConfigError
from failover.status import serve as serve_status
from fleet.api_tokens import ApiRole, token
from fleet.store_certificates import Authorities
from tests.failover.api_stage import PATIENCE_SECONDS, SECRET, settings
from tests.failover.test_daemon import Rig


async def test_it_answers_from_the_daemons_socket_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = listen("127.0.0.1", 0)
    place = listening.getsockname()
    monkeypatch.setattr("failover.api.__main__.listen", lambda *_: listening)
    rig = Rig(tmp_path)
    parsed = parse_settings(settings(tmp_path))
    daemon = await serve_status(rig.daemon, parsed.status_socket)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(parsed, stop))
    trust = ssl.create_default_context(cadata=Authorities(SECRET, "lab", "api").servers_pem)
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(*place, ssl=trust)
        bearer = f"Authorization: Bearer {token(SECRET, ApiRole.READER)}"
        writer.write(f"GET /v1/status HTTP/1.1\r\nHost: east-1\r\n{bearer}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(body)["node"] == "east-1"
        stop.set()
        await serving
    assert listening.fileno() == -1, "nobody listens any more"
    daemon.close()
    rig.daemon.prober.close()


async def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            await serve(parse_settings(settings(tmp_path, port=port)), asyncio.Event())


def test_a_check_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "api.json"
    assert main(["--settings", str(file), "check"]) == 0, "a fleet without the secret has none"
    file.write_text(json.dumps(settings(tmp_path)))
    assert main(["--settings", str(file), "check"]) == 0
    (tmp_path / "api.key").write_text("no key\n")
    assert main(["--settings", str(file), "check"]) == 2
    assert "certificate cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"token_hashes": {"reader": "abc"}}, "token_hashes.reader: expected a SHA-256"),
        ({"token_hashes": {"root": "0" * 64}}, "token_hashes.root: expected one of reader, operator"),
        ({"address": "localhost"}, "address: expected an IPv4 address"),
        ({"port": 0}, "port"),
        ({"verbose": True}, "verbose: no such key"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(settings(tmp_path, **change)))
    with pytest.raises(ConfigError, match=says):
        load_settings(file)


async def test_answers_are_sent_at_once() -> None:
    """asyncio turns Nagle's algorithm off where a socket names its protocol: else clients wait 40 ms."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        served, _ = await asyncio.get_running_loop().sock_accept(listening)
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, served)
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        transport.close()
        await asyncio.sleep(0)
