"""What provisioning promises once everything is there."""

import json
import re
from pathlib import Path

from fleet.paths import project_root
from infra.engine import engine_environment
from infra.engine.stack import pulumi
from tests.end_to_end.command import Done, mtafleet
from tests.end_to_end.secrets import plain_secrets, present
from tests.end_to_end.system import NAME, WORLD, System, at_once


def test_the_fleet_comes_up_and_every_machine_runs(
    system: System, first_up: Done, figures: dict[str, str]
) -> None:
    figures["up"] = next(iter(re.findall(r"Duration: (.*)", first_up.text)), "?")
    listed = {state["name"]: state["running"] for state in _machines()}
    assert listed == dict.fromkeys([*(node.name for node in system.fleet.nodes), WORLD], True)
    names = [node.name for node in system.fleet.nodes]
    full_names = at_once(lambda name: system.inside(name, "hostname").strip(), names)
    assert [name.partition(".")[0] for name in full_names] == names


def test_a_second_up_changes_nothing(system: System) -> None:
    before = _machines()
    again = mtafleet("up", NAME)
    assert again.status == 0, again.text
    assert re.search(r"Resources:\s+\d+ unchanged\s", again.text), again.text
    assert _machines() == before


def test_a_changed_limit_shows_as_a_change_and_as_nothing_else(system: System, tmp_path: Path) -> None:
    """With a copy of the environment file, so that nothing of the checkout changes."""
    bytes_now = system.fleet.environment.limits.message_bytes
    text = (project_root() / "environments" / f"{NAME}.yaml").read_text()
    changed = text.replace(f"message_bytes: {bytes_now}", f"message_bytes: {bytes_now * 2}")
    assert changed != text
    environment = tmp_path / "changed.yaml"
    environment.write_text(changed)
    settings = tmp_path / "settings.yaml"
    settings.write_text(_settings_of_the_stack() + f"\nconfig:\n  mtafleet:environment: {environment}\n")
    seen = mtafleet("preview", NAME, "--diff", "--config-file", str(settings))
    assert seen.status == 0, seen.text
    assert re.search(rf"message_bytes\s*: {bytes_now} => {bytes_now * 2}", seen.text), seen.text
    assert re.search(r"~ 1 to update", seen.text), seen.text
    assert not re.search(r"to (create|delete|replace)", seen.text), seen.text


def test_outputs_hold_no_secret_in_clear(system: System) -> None:
    text = pulumi(
        ["stack", "output", "--json", "--stack", NAME],
        project=project_root(),
        variables=engine_environment(NAME),
        timeout_seconds=600,
    )
    assert "[secret]" in text
    assert present(plain_secrets(system), text.encode()) == []


def _machines() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(mtafleet("lab", "machines", "--json").output)
    return found


def _settings_of_the_stack() -> str:
    return (project_root() / f"Pulumi.{NAME}.yaml").read_text()
