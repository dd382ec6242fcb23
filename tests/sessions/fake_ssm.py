"""AWS's Session Manager as far as this project asks it, on loopback, with its ways to fail.

moto 5 has none of these operations. The answers' shapes are those of the service's public API reference.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "AAEAAWV4YW1wbGUtdG9rZW4"


@dataclass
class Refusal:
    """An operation is refused with `code`, `times` times; for `instance` only, if that is named."""

    operation: str
    code: str
    message: str
    instance: str = ""
    times: int = 1_000


@dataclass
class FakeSsm:
    """`ports` lead to machines by instance; `states` are those that AWS has heard of."""

    ports: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Region, operation and request."""
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, instance: str) -> int:
        """How many sessions with an instance were asked for."""
        return sum(
            operation == "StartSession" and request["Target"] == instance
            for _, operation, request in self.asked
        )

    def answer(self, region: str, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.asked.append((region, operation, request))
            for one in self.refusals:
                if one.operation == operation and one.instance in ("", request.get("Target")) and one.times:
                    one.times -= 1
                    return 400, {"__type": one.code, "message": one.message}
        if operation == "StartSession":
            return self._session(request)
        wanted = request["Filters"][0]["Values"]
        known = [{"InstanceId": one, "PingStatus": self.states[one]} for one in wanted if one in self.states]
        return 200, {"InstanceInformationList": known}

    def _session(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        instance = request["Target"]
        if self.states.get(instance) != "Online":
            return 400, {"__type": "TargetNotConnected", "message": f"{instance} is not connected."}
        return 200, {
            "SessionId": f"ada-{instance}",
            "TokenValue": TOKEN,
            "StreamUrl": f"tcp://127.0.0.1:{self.ports[instance]}",
        }


@contextmanager
def fake_ssm() -> Iterator[FakeSsm]:
    """A Session Manager for every region, at `url`."""
    fake = FakeSsm()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/ssm/", self.headers["Authorization"])
            assert scope
            status, answer = fake.answer(scope[1], operation, request)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
