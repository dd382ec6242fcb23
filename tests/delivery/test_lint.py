"""`mtafleet isp lint` holds the shipped catalogue, and finds each kind of mistake in a broken one."""
# ruff: noqa: E501 - a table reads best with few lines a row

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import cli, main
from delivery.replies.lint import check
from delivery.replies.parse import parse_reply
from delivery.replies.rules import Asked, CompiledRule
from fleet.catalogue import CATALOGUE_DIRECTORY
from fleet.problems import CatalogueError, Problem
from fleet.replies import ReplyRule

SAMPLES = '\n    samples:\n      - source: gmail-errors\n        text: "421 4.7.0 rubies and pearls"\n'
RULE = (
    "replies:\n  - name: {name}\n    when: {when}\n    category: rate\n    scope: {scope}\n"
    "    actions: [slow_down]\n    source: gmail-errors" + SAMPLES
)
FIRST = RULE.format(name="first", when='{text: ["rubies"]}', scope="address")
Broken = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """Replaces text in a copy of the catalogue and returns what the lint then says."""

    def broken(old: str, new: str, file: str = "google.yaml") -> tuple[Problem, ...]:
        directory = tmp_path / "isps"
        shutil.copytree(CATALOGUE_DIRECTORY, directory)
        text = (directory / file).read_text()
        assert old in text
        (directory / file).write_text(text.replace(old, new, 1))
        with pytest.raises(CatalogueError) as caught:
            check(directory)
        return caught.value.problems

    return broken


def test_the_shipped_catalogue_is_sound() -> None:
    result = CliRunner().invoke(cli, ["isp", "lint"])
    assert result.exit_code == 0, result.output
    assert "All sound" in result.output


def one(problems: tuple[Problem, ...], words: str) -> Problem:
    found = [problem for problem in problems if words in problem.what]
    assert len(found) == 1, [str(problem) for problem in problems]
    assert found[0].line > 0
    return found[0]


def test_a_rule_that_does_not_know_its_own_sample(broken: Broken) -> None:
    wrong = FIRST.replace('"rubies"', '"emeralds"')
    problem = one(broken("replies:\n", wrong), "does not know this reply")
    assert problem.key == "replies[0].samples[0]"
    assert problem.file.endswith("google.yaml")


def test_a_rule_that_an_earlier_one_shadows(broken: Broken) -> None:
    both = FIRST + FIRST.replace("first", "second").replace("421 4.7.0 rubies", "421 4.7.0 more rubies")[9:]
    problem = one(broken("replies:\n", both), "catches this reply of `second`")
    assert problem.key == "replies[1].samples[0]"
    assert "`first`" in problem.what


def test_two_rules_that_say_different_things_of_a_sample(broken: Broken) -> None:
    later = RULE.format(name="second", when='{text: ["pearls"]}', scope="domain").replace("rubies and ", "")[
        9:
    ]
    problem = one(broken("replies:\n", FIRST + later), "both know this reply and say different things")
    assert problem.key == "replies[0].samples[0]"


def test_a_catch_all_may_know_what_others_know(tmp_path: Path) -> None:
    later = RULE.format(name="second", when='{text: ["pearls"]}', scope="domain").replace("rubies and ", "")[
        9:
    ]
    directory = tmp_path / "isps"
    shutil.copytree(CATALOGUE_DIRECTORY, directory)
    path = directory / "google.yaml"
    text = FIRST + later.replace("    source:", "    catch_all: true\n    source:", 1)
    path.write_text(path.read_text().replace("replies:\n", text, 1))
    check(directory)


def test_the_same_reply_as_sample_of_two_rules(broken: Broken) -> None:
    later = RULE.format(name="second", when='{text: ["pearls"]}', scope="domain")[9:]
    problems = broken("replies:\n", FIRST + later)
    assert one(problems, "the same reply is a sample of `first`").key == "replies[1].samples[0]"


def test_a_rule_that_suppresses_after_a_refusal_for_now(broken: Broken) -> None:
    rash = FIRST.replace("[slow_down]", "[retry, suppress]")
    assert one(broken("replies:\n", rash), "refuse for now").key == "replies[0].actions"


@pytest.mark.parametrize(
    ("suffixes", "position", "what"),
    [
        (".google.com, .aspmx.google.com", 1, "`.google.com` matches already"),
        (".google.com, .com", 1, "no mail exchanger's name ends with `.com`"),
        (".google.com, .goo..gle.com", 1, "no mail exchanger's name"),
        (".google.com, .a.-mx.example", 1, "no mail exchanger's name"),
        (".google.com, .192.0.2", 1, "no mail exchanger's name"),
    ],
)
def test_an_unreachable_mail_exchanger(broken: Broken, suffixes: str, position: int, what: str) -> None:
    problem = one(broken(".google.com,", f"{suffixes},"), what)
    assert problem.key == f"mx_suffixes[{position}]"


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("connections: {value: 5, source: kumomta}", "connections: {value: 5}", "limits.warming.connections.source", "missing"),
        ("suspend_seconds: {value: 3600, source: kumomta-community}", "suspend_seconds: {value: 3600}", ".suspend_seconds.source", "missing"),
        ("suspend_seconds: {value: 3600, source: kumomta-community}", "suspend_seconds: {value: 3600, source: hearsay}", ".suspend_seconds.source", "no source `hearsay`"),
        ("      - source: sisimai\n        text:", "      - text:", ".source", "missing"),
        ("      - source: sisimai\n", "      - source: hearsay\n", ".source", "no source `hearsay`"),
        ("    source: gmail-errors\n    samples:\n", "    samples:\n", ".source", "missing"),
        ("    suspend_seconds: {value: 3600, source: kumomta-community}\n", "", ".actions", "go together"),
        ("  - name: rate-of-network", "  - name: rate-of-address", ".name", "already a rule"),
        ("replies:\n", "replies:\n  - name: all\n    when: {}\n    category: rate\n    scope: address\n    actions: [retry]\n    source: gmail-errors" + SAMPLES, "replies[0].when", "every reply"),
        ("category: rate", "category: rates", ".category", "not a choice"),
        ("enhanced: [4.2.2]", "enhanced: [4.2]", ".enhanced[0]", "enhanced"),
        ("enhanced: [4.2.2]", "enhanced: [\"4.x.2\"]", ".enhanced[0]", "not an enhanced code"),
    ],
)  # fmt: skip
def test_what_a_file_says_wrongly_in_itself(broken: Broken, old: str, new: str, key: str, what: str) -> None:
    found = [one for one in broken(old, new) if what in one.what or what in one.key]
    assert [problem for problem in found if problem.key.endswith(key)], [str(problem) for problem in found]


def test_every_finding_is_told_and_the_status_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "isps"
    shutil.copytree(CATALOGUE_DIRECTORY, directory)
    for name in ("google", "yahoo"):
        path = directory / f"{name}.yaml"
        path.write_text(path.read_text().replace("mx_suffixes: [", f"mx_suffixes: [.{name}..b, "))
    monkeypatch.setattr("sys.argv", ["mtafleet", "isp", "lint", "--catalogue", str(directory)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "google.yaml" in told
    assert "yahoo.yaml" in told
    assert "mx_suffixes[0]" in told


def test_a_phrase_takes_no_time_that_grows_with_its_gaps() -> None:
    """What would be catastrophic for a backtracking expression is found by looking each part up once."""
    rule = ReplyRule.model_validate_json(
        '{"name": "slow", "when": {"text": ["' + "a*" * 50 + 'b"]}, "category": "rate", "scope": "address",'
        '"actions": ["retry"], "source": "s", "samples": [{"text": "x", "source": "s"}]}'
    )
    compiled = CompiledRule.of("test", rule)
    assert not compiled.knows(Asked.of(parse_reply("550 " + "a" * 1990)))
    assert compiled.knows(Asked.of(parse_reply("550 " + "a" * 1900 + "b")))
