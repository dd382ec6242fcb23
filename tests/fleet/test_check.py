"""`mtafleet check` says everything is sound, or everything that is not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.check import check, schema

LAB = Path(__file__).parents[2] / "environments" / "lab.yaml"


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_the_lab_is_sound(runner: CliRunner) -> None:
    result = runner.invoke(check, ["-e", "lab"])
    assert result.exit_code == 0
    assert "All sound" in result.stdout
    assert "sending addresses" in result.stdout


def test_without_a_name_every_environment_is_checked(runner: CliRunner) -> None:
    result = runner.invoke(check, ["--json"])
    found = json.loads(result.stdout)
    assert found["ok"]
    counts = {
        Path(file).stem: summary["sending addresses"] for file, summary in found["environments"].items()
    }
    assert counts == {"dev": 4, "staging": 16, "production": 30, "lab": 16}
    assert "google" in found["isps"]


def test_all_problems_are_printed_and_the_exit_code_is_two(runner: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.yaml"
    path.write_text(
        LAB.read_text().replace("rise: 20", "rise: 1").replace("floor_percent: 50", "floor_percent: 99")
    )
    result = runner.invoke(check, ["-e", str(path)])
    assert result.exit_code == 2
    assert "4 problems" in result.stderr
    assert f"{path}:" in result.stderr
    assert "failover.rise" in result.stderr
    assert not result.stdout


def test_problems_come_as_data_too(runner: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.yaml"
    path.write_text(LAB.read_text().replace("rise: 20", "rise: 1"))
    result = runner.invoke(check, ["-e", str(path), "--json"])
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert not found["ok"]
    (problem,) = found["problems"]
    assert problem["file"] == str(path)
    assert problem["key"] == "failover.rise"
    assert problem["line"] > 1
    assert problem["remedy"]


def test_records_that_cannot_be_published_are_problems_of_the_file(runner: CliRunner, tmp_path: Path) -> None:
    """Ninety scattered addresses take two records of their own: with ten look-ups more that is too many."""
    scattered = ", ".join(f"198.51.100.{n}" for n in range(61, 241, 2))
    path = tmp_path / "spoilt.yaml"
    text = LAB.read_text().replace("east-1: [198.51.100.41]", f"east-1: [{scattered}]")
    includes = "    spf_includes: {_spf.one.example: 10}\n"
    path.write_text(text.replace("    pools: [marketing]\n", f"    pools: [marketing]\n{includes}"))
    result = runner.invoke(check, ["-e", str(path)])
    assert result.exit_code == 2
    assert "costs 12 DNS look-ups; 10 are allowed" in result.stderr


def test_the_schema_is_printed_for_editors_of_other_projects(runner: CliRunner) -> None:
    result = runner.invoke(schema, [])
    assert json.loads(result.stdout)["title"] == "Environment"
    assert json.loads(runner.invoke(schema, ["isp"]).stdout)["title"] == "Isp"
