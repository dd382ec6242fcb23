"""`python -m lab.aws.server` as a process of its own."""

import os
import select
import subprocess
import sys

import boto3

from fleet.paths import project_root

_PATIENCE_MILLISECONDS = 60_000
_PARENT = """\
import subprocess, sys
server = subprocess.Popen([sys.executable, "-m", "lab.aws.server"], stdout=subprocess.PIPE, text=True)
print(server.stdout.readline().strip(), server.pid, flush=True)
sys.stdin.read()
"""


def test_it_prints_its_address_and_ends_with_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        cwd=project_root(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        url, process = parent.stdout.readline().split()
        client = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test").client(
            "sns", region_name="us-east-1", endpoint_url=url
        )
        assert client.list_topics()["Topics"] == []
        end = select.poll()
        end.register(os.pidfd_open(int(process)), select.POLLIN)
        assert end.poll(0) == []
        parent.kill()
        assert end.poll(_PATIENCE_MILLISECONDS) != []


def test_it_ends_when_asked() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "lab.aws.server"], cwd=project_root(), stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("http://127.0.0.1:")
        server.terminate()
    assert server.returncode == 0
