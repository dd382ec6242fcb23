"""One run at a time, and how runs end."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

import cli.main
from cli.runs import BusyError, alone


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.runs.state_directory", lambda environment: tmp_path / environment)


def test_a_second_run_of_the_same_kind_is_told_who_is_first() -> None:
    with (
        alone("lab", "configure"),
        pytest.raises(BusyError, match=r"another `mtafleet configure` is at work on lab \(process \d+\)"),
        alone("lab", "configure"),
    ):
        pytest.fail("must not get here")


def test_other_kinds_and_other_environments_do_not_wait() -> None:
    with alone("lab", "configure"), alone("lab", "drill"), alone("staging", "configure"):
        pass
    with alone("lab", "configure"):
        pass


def test_a_killed_run_holds_nobody_off(tmp_path: Path) -> None:
    program = (
        "import cli.runs, os, pathlib, sys\n"
        "cli.runs.state_directory = lambda environment: pathlib.Path(sys.argv[1]) / environment\n"
        "with cli.runs.alone('lab', 'configure'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == -9
    with alone("lab", "configure"):
        pass


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "/cache/x"), 2, "error: /cache/x: No space left on device"),
        (click.UsageError("no such thing"), 2, "no such thing"),
    ],
)
def test_no_end_shows_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    status: int,
    said: str,
) -> None:
    def command(**_: object) -> None:
        raise raised

    monkeypatch.setattr(cli.main, "cli", command)
    with pytest.raises(SystemExit) as end:
        cli.main.main()
    assert end.value.code == status
    assert said in capsys.readouterr().err


def test_the_command_line_does_not_wait_for_sdks_that_only_the_engine_needs() -> None:
    program = (
        "import sys, cli.main; print([name for name in ('pulumi', 'grpc', 'boto3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
