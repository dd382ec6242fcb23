"""Whether the internet refers to the hosted zones: told from what it answers, never guessed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import delegation as command
from infra.delegation import Answer, DelegationError, delegations, zones_of

OUTPUTS = {
    "foundation": {
        "zones": {
            "dev-fleet.example": {"id": "Z1", "name_servers": ["NS-1.aws.example.", "ns-2.aws.example"]},
            "dev-shop.example": {"id": "Z2", "name_servers": ["ns-3.aws.example"]},
        }
    }
}


def test_zones_are_read_from_the_outputs() -> None:
    assert zones_of(OUTPUTS)["dev-fleet.example"] == {"ns-1.aws.example", "ns-2.aws.example"}
    with pytest.raises(DelegationError, match="no zones yet"):
        zones_of({})


@pytest.mark.parametrize(
    ("found", "delegated"),
    [
        ({"ns-1.aws.example", "ns-2.aws.example"}, True),
        ({"ns-1.aws.example"}, True),
        (set(), False),
        ({"ns.registrar.example"}, False),
        ({"ns-1.aws.example", "ns.registrar.example"}, False),
    ],
)
def test_a_zone_is_delegated_to_its_own_servers_or_not_at_all(found: set[str], delegated: bool) -> None:
    (answer,) = delegations(
        {"dev-fleet.example": ["ns-1.aws.example", "ns-2.aws.example"]}, lambda _zone: frozenset(found)
    )
    assert answer.delegated is delegated


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, set[str]]) -> tuple[int, str]:
    monkeypatch.setattr(command, "ask_internet", lambda zone: frozenset(answers.get(zone, ())))
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(OUTPUTS))
    result = CliRunner().invoke(command.delegation, ["dev", "--outputs", str(file)])
    return result.exit_code, result.output


def test_the_command_says_what_the_parent_should_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, text = run(tmp_path, monkeypatch, {"dev-shop.example": {"ns-3.aws.example"}})
    assert status == 1
    assert "dev-shop.example: delegated" in text
    assert "dev-fleet.example: name servers are none; wanted: ns-1.aws.example, ns-2.aws.example" in text


def test_the_command_names_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"dev-shop.example": {"ns-3.aws.example"}, "dev-fleet.example": {"ns-1.aws.example"}}
    status, text = run(tmp_path, monkeypatch, answers)
    assert status == 0
    assert "pulumi config set mtafleet:delegated true --stack dev-foundation" in text


def test_lines_are_stable() -> None:
    answer = Answer("a.example", frozenset({"y", "x"}), frozenset({"z", "w"}))
    assert command.said([answer]) == ["a.example: name servers are w, z; wanted: x, y"]
