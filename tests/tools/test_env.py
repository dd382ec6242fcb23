"""`mtafleet env`, and the real engine in the environment it prints."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import infra.engine.environment as environment_module
from cli.env import env, shell_script
from fleet.paths import state_directory
from fleet.problems import SpecError
from infra.engine import EngineError, engine_environment
from infra.engine.stack import ensure_stack, pulumi

values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(values)
def test_any_value_survives_the_shell(value: str) -> None:
    script = shell_script({"PULUMI_HOME": value}) + '\nprintf %s "$PULUMI_HOME"'
    answer = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert answer.stdout.decode() == value


def test_a_passphrase_of_the_callers_own_is_unset() -> None:
    script = (
        shell_script({"PULUMI_CONFIG_PASSPHRASE_FILE": "/generated"})
        + '\nprintf %s "${PULUMI_CONFIG_PASSPHRASE-unset}"'
    )
    answer = subprocess.run(
        ["sh", "-c", script],
        env={"PULUMI_CONFIG_PASSPHRASE": "other"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "unset"


def test_where_no_passphrase_is_generated_the_callers_own_stays() -> None:
    assert "unset" not in shell_script({"PATH": "/bin"})


def test_an_environment_on_aws_keeps_its_operators_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    there_before = state_directory("staging").exists()
    monkeypatch.setattr(
        "cli.env.engine_environment", lambda name, substrate: {"ASKED": f"{name} {substrate}"}
    )
    result = CliRunner().invoke(env, ["staging", "--json"], catch_exceptions=False)
    assert json.loads(result.output) == {"ASKED": "staging aws"}
    assert state_directory("staging").exists() == there_before


def test_an_unknown_environment_is_refused_before_anything_is_made() -> None:
    result = CliRunner().invoke(env, ["moon"])
    assert isinstance(result.exception, SpecError)
    assert not state_directory("moon").exists()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Pulumi program whose only output is a secret; it is spelled in no file of the program itself."""
    (tmp_path / "Pulumi.yaml").write_text("name: probe\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(
        "import pulumi\npulumi.export('greeting', pulumi.Output.secret(' '.join(['between', 'us'])))\n"
    )
    return tmp_path


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(environment_module, "state_directory", lambda name: tmp_path / "state" / name)
    return engine_environment("probe")


@pytest.mark.engine
def test_the_engine_keeps_a_secret_under_the_generated_passphrase(
    project: Path, variables: dict[str, str]
) -> None:
    def run(*arguments: str) -> str:
        return pulumi([*arguments], project=project, variables=variables, timeout_seconds=300)

    ensure_stack("probe", project, variables)
    run("up", "--yes", "--stack", "probe")
    ensure_stack("probe", project, variables)
    run("up", "--yes", "--expect-no-changes", "--stack", "probe")

    outputs = json.loads(run("stack", "output", "--json", "--show-secrets", "--stack", "probe"))
    assert outputs == {"greeting": "between us"}
    kept = [file.read_bytes() for file in project.rglob("*") if file.is_file()]
    assert not any(b"between us" in content for content in kept)


@pytest.mark.engine
def test_the_engines_refusal_is_passed_on_in_its_own_words(project: Path, variables: dict[str, str]) -> None:
    with pytest.raises(EngineError, match="no stack named 'absent' found"):
        pulumi(["preview", "--stack", "absent"], project=project, variables=variables, timeout_seconds=300)
