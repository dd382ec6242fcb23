"""A provider as a process: it announces a port, and goes when told to or when its engine is gone."""

import signal
import subprocess
import sys

from fleet.paths import project_root

PROVIDER = ["-m", "providerkit", "mtafleet", "infra.provider.kinds"]


def test_it_prints_a_port_and_stops_in_order_on_sigterm() -> None:
    command = [sys.executable, *PROVIDER]
    with subprocess.Popen(command, cwd=project_root(), stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        assert int(provider.stdout.readline()) > 0
        provider.send_signal(signal.SIGTERM)
        assert provider.wait() == 0


def test_it_ends_when_the_engine_that_started_it_is_killed() -> None:
    engine = f"import subprocess, sys; subprocess.run([sys.executable, *{PROVIDER!r}])"
    command = [sys.executable, "-c", engine]
    with subprocess.Popen(command, cwd=project_root(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        process.kill()
        assert process.stdout.read() == ""  # comes back when the provider, too, has closed it
