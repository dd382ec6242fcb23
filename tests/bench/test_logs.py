"""The benchmark of logs measures what it says, over the tests' own lines; how fast is no matter here."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench.logs
from bench.logs import logs


def test_it_reads_the_corpus_and_understands_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.logs, "WANTED_LINES_PER_SECOND", 1)
    result = CliRunner().invoke(logs, ["--lines", "600", "--rounds", "1", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["unknown_lines"] == 0
    assert {one["what"]: one["count"] for one in told["rates"]}["lines, parser"] == 600
    assert all(one["per_second"] > 0 for one in told["rates"])


def test_too_slow_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.logs, "WANTED_LINES_PER_SECOND", 10**12)
    assert CliRunner().invoke(logs, ["--lines", "300", "--rounds", "1"]).exit_code == 1


def test_a_log_without_lines_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.log"
    empty.touch()
    result = CliRunner().invoke(logs, [str(empty)])
    assert isinstance(result.exception, bench.logs.NoLogError)
