"""Which engine is used, and the environment it is given."""

import os
from pathlib import Path

import pytest

import infra.engine.environment as environment_module
from fleet.paths import project_root
from infra.engine.environment import engine_environment, environment_apart, passphrase_file
from infra.engine.errors import EngineError
from infra.engine.locate import (
    ENGINE_FILES,
    built_engine_directory,
    content_hash,
    find_engine,
    official_engine,
    require_engine,
)
from infra.engine.stack import process_environment, pulumi


def executable(file: Path, body: str = "exit 0") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def official(directory: Path, version: str) -> str:
    executable(directory / "pulumi", f"echo {version}")
    executable(directory / "pulumi-language-python")
    return str(directory)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTAFLEET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment_module, "state_directory", lambda name: tmp_path / "state" / name)
    return tmp_path / "state" / "lab"


@pytest.fixture
def built(cache: Path) -> Path:
    directory = built_engine_directory()
    assert directory.is_relative_to(cache)
    for name in ENGINE_FILES:
        executable(directory / name)
    return directory


def test_a_new_enough_official_engine_wins(built: Path, tmp_path: Path) -> None:
    engine = find_engine(official(tmp_path / "their", "v3.221.0"))
    assert engine is not None
    assert engine.official
    assert engine.directory == tmp_path / "their"


@pytest.mark.parametrize("version", ["v3.219.9", "v2.999.0", "devel"])
def test_an_old_or_unreadable_official_engine_is_passed_over(
    built: Path, tmp_path: Path, version: str
) -> None:
    engine = find_engine(official(tmp_path / "their", version))
    assert engine is not None
    assert not engine.official
    assert engine.directory == built


def test_an_official_engine_without_its_language_host_is_passed_over(cache: Path, tmp_path: Path) -> None:
    executable(tmp_path / "their" / "pulumi", "echo v3.221.0")
    assert official_engine(str(tmp_path / "their")) is None


def test_a_build_of_ours_on_path_is_not_taken_for_an_official_one(cache: Path) -> None:
    assert official_engine(official(cache / "pulumi" / "other-pins" / "bin", "v3.999.0")) is None


def test_an_incomplete_build_does_not_count(built: Path, tmp_path: Path) -> None:
    (built / "pulumi-language-python-exec").unlink()
    assert find_engine(str(tmp_path)) is None


def test_no_engine_says_how_to_get_one(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="tools/bootstrap"):
        require_engine()


def test_the_content_hash_follows_bytes_names_and_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    before = content_hash([first, second])
    assert before == content_hash([first, second])
    assert before != content_hash([second, first])
    second.write_bytes(b"twO")
    assert before != content_hash([first, second])


def test_the_environment_keeps_everything_of_a_lab_in_its_state_directory(built: Path, state: Path) -> None:
    variables = engine_environment("lab")
    assert variables["PULUMI_BACKEND_URL"] == f"file://{state}/state"
    assert variables["PULUMI_HOME"] == f"{state}/pulumi"
    assert Path(variables["PULUMI_CONFIG_PASSPHRASE_FILE"]).parent == state
    assert state.stat().st_mode & 0o777 == 0o700


def test_elsewhere_backend_secrets_and_plugins_are_the_operators(built: Path, state: Path) -> None:
    variables = engine_environment("staging", "aws")
    kept = {"PULUMI_BACKEND_URL", "PULUMI_HOME", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"}
    assert not kept & variables.keys()
    assert not [name for name in variables if "PASSPHRASE" in name]
    folders = variables["PATH"].split(os.pathsep)
    assert str(built) in folders
    assert str(project_root() / "infra/provider") in folders
    assert str(project_root() / "lab/provider") not in folders
    assert not state.parent.exists()


def test_an_engine_apart_has_nothing_of_its_callers_stacks_and_accounts(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PULUMI_ACCESS_TOKEN", "AWS_PROFILE", "EDITOR", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "mine")
    variables = environment_apart(tmp_path, ["lab/aws"])
    assert "mine" not in {variables.get("PULUMI_ACCESS_TOKEN"), variables.get("AWS_PROFILE")}
    assert variables["EDITOR"] == "mine"
    # Its Pythons keep what they compile, outside the checkout.
    assert variables["PYTHONDONTWRITEBYTECODE"] == ""
    assert Path(variables["PYTHONPYCACHEPREFIX"]).is_relative_to(built.parents[2])
    assert variables["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/backend"
    folders = variables["PATH"].split(os.pathsep)
    assert {str(built), str(project_root() / "lab/aws")} <= set(folders)
    assert str(project_root() / "infra/provider") not in folders


@pytest.mark.parametrize(
    ("variables", "passphrase"), [({"PULUMI_CONFIG_PASSPHRASE_FILE": "/f"}, None), ({}, "mine")]
)
def test_a_passphrase_of_the_callers_own_yields_to_a_generated_one_only(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], passphrase: str | None
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "mine")
    assert process_environment(variables).get("PULUMI_CONFIG_PASSPHRASE") == passphrase


def fake_pulumi(folder: Path, body: str) -> dict[str, str]:
    """Variables with which `pulumi` is this shell script."""
    executable(folder / "pulumi", body)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_a_refusal_of_the_surroundings_comes_with_a_remedy(tmp_path: Path) -> None:
    body = "echo 'error: PULUMI_ACCESS_TOKEN must be set for login' >&2; exit 255"
    variables = fake_pulumi(tmp_path, body)
    with pytest.raises(EngineError, match=r"must be set for login\nNo place for the state has been chosen"):
        pulumi(["stack"], project=tmp_path, variables=variables, timeout_seconds=300)


def test_an_engine_that_does_not_end_in_time_is_given_up(tmp_path: Path) -> None:
    variables = fake_pulumi(tmp_path, "exec tail -f /dev/null")
    with pytest.raises(EngineError, match="did not end within 0 s"):
        pulumi(["stack"], project=tmp_path, variables=variables, timeout_seconds=0.01)


def test_path_starts_with_the_projects_python_and_holds_each_directory_once(built: Path, state: Path) -> None:
    parts = engine_environment("lab")["PATH"].split(os.pathsep)
    assert (Path(parts[0]) / "python3").exists()
    assert parts[1] == str(built)
    assert len(parts) == len(set(parts))


def test_the_passphrase_is_made_once_and_for_its_owner_only(state: Path) -> None:
    file = passphrase_file("lab")
    first = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(first.strip()) >= 32
    assert passphrase_file("lab").read_text() == first


def test_a_passphrase_that_others_can_read_is_refused(state: Path) -> None:
    passphrase_file("lab").chmod(0o644)
    with pytest.raises(EngineError, match="readable by others"):
        passphrase_file("lab")
