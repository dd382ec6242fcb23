"""A process is named by more than its pid."""

import os
import signal
import subprocess
from dataclasses import replace

from lab.processes import ProcessId, namespace_pids, start_ticks


def test_our_own_process_lives() -> None:
    me = ProcessId.of(os.getpid())
    assert me is not None
    assert me.alive()
    assert namespace_pids(os.getpid())[-1] == os.getpid()


def test_a_pid_that_now_belongs_to_another_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "infinity"]) as sleeper:
        process = ProcessId.of(sleeper.pid)
        assert process is not None
        for stranger in (replace(process, start_ticks=1), replace(process, boot_id="another boot")):
            assert not stranger.alive()
            assert not stranger.send(signal.SIGKILL)
            assert stranger.wait(0)
        assert sleeper.poll() is None
        assert process.send(signal.SIGKILL)
        assert process.wait(60)


def test_a_process_that_ended_is_known_to_have() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    assert start_ticks(ended.pid) is None
    assert ProcessId.of(ended.pid) is None
    assert namespace_pids(ended.pid) == ()
