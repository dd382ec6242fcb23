"""The progress line, as a log and as a terminal see it."""

import io

import pytest

from tools.pulumi.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_tenth() -> None:
    log = io.StringIO()
    with Progress("compiling", log) as progress:
        progress.total = 200
        for _ in range(200):
            progress.advance()
    lines = log.getvalue().splitlines()
    assert lines[:3] == ["compiling: 0 %", "compiling: 10 %", "compiling: 20 %"]
    assert lines[-1].startswith("compiling: done in")
    assert len(lines) == 11


def test_a_terminal_gets_one_line_rewritten() -> None:
    terminal = Terminal()
    with Progress("compiling", terminal) as progress:
        progress.total = 2
        progress.advance()
    assert terminal.getvalue().count("\n") == 1
    assert "\r\033[Kcompiling: 50 %" in terminal.getvalue()


def test_a_failure_is_not_called_done() -> None:
    log = io.StringIO()
    with pytest.raises(ValueError, match="bad source"), Progress("compiling", log):
        raise ValueError("bad source")
    assert log.getvalue().endswith("compiling: failed\n")
