"""The simulated AWS as a WSGI application, and a thread that serves it on a port of the kernel's choice."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# Thousands of image descriptions nobody asks for would take seconds to load.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

import boto3
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from lab.aws.server.faults import Faults
from lab.aws.server.patches import mend

Start = Callable[..., Any]

_POLL_SECONDS = 0.05


class _Quiet(MotoRequestHandler):
    """Handles requests without a line for each on stderr."""

    def log_request(self, *_: Any) -> None:
        return None


class Application:
    """Moto, one request at a time: its models are plain dictionaries without locks."""

    def __init__(self, faults: Path | None = None) -> None:
        self._moto = _moto()
        self._lock = threading.Lock()
        self._faults = Faults(faults)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        return self._faults.answer(environ, start, self._carry_out)

    def _carry_out(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        with self._lock:
            return list(self._moto(environ, start))


@cache
def _moto() -> DomainDispatcherApplication:
    """Return moto, mended; one will do for a process, since what it holds belongs to the process."""
    mend()
    return DomainDispatcherApplication(create_backend_app)


@dataclass(frozen=True)
class Server:
    """A running simulated AWS."""

    url: str

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Return a boto3 client that speaks to it."""
        return boto3.session.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - moto asks for none
        ).client(service, region_name=region, endpoint_url=self.url)


@contextmanager
def serving(faults: Path | None = None, port: int = 0) -> Iterator[Server]:
    """Serve a simulated AWS, empty at first, from a thread of this process; only one at a time.

    `faults` is a file of faults to inject (see `lab.aws.server.faults`); it may appear and change later.
    """
    server = make_server("127.0.0.1", port, Application(faults), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(
        target=server.serve_forever, args=(_POLL_SECONDS,), name="simulated AWS", daemon=True
    )
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        empty()


def empty() -> None:
    """Forget everything the simulated AWS holds."""
    moto_api_backend.reset()
