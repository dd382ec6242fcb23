"""Every command of docs/aws.md exists: of `mtafleet`, of Pulumi's engine, and the configuration they set."""

import re
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from cli.main import cli as mtafleet
from fleet.paths import project_root
from infra.engine import engine_environment, find_engine
from tests.infra.documented import commands

STAND_FOR = {
    "NAME": "staging",
    "NODE": "virginia-1",
    "DIR": "rendered",
    "MESSAGES_A_MONTH": "1000000",
    "BUCKET": "state",
    "REGION": "eu-west-3",
    "KEY": "mtafleet",
    "URL": "file:///state",
}
PAGE = (project_root() / "docs" / "aws.md").read_text()
COMMANDS = list({" ".join(words): words for words in commands(PAGE, STAND_FOR)}.values())
OF_MTAFLEET = [words[1:] for words in COMMANDS if words[0] == "mtafleet"]
OF_PULUMI = [words[1:] for words in COMMANDS if words[0] == "pulumi"]


def test_commands_are_found_in_both_kinds_of_code() -> None:
    page = """
Say `pulumi up --stack NAME && uv run mtafleet
configure NAME [--check]`, see `pulumi` and `fleet/file.py`.

```sh
pulumi config set 'a[0]' "b c"   # a comment
```

```yaml
pulumi: no
```
"""
    assert list(commands(page, {"NAME": "dev"})) == [
        ["pulumi", "config", "set", "a[0]", "b c"],
        ["pulumi", "up", "--stack", "dev"],
        ["mtafleet", "configure", "dev", "--check"],
    ]


def test_the_page_has_commands_of_tools_that_are_held_to_something() -> None:
    assert len(OF_MTAFLEET) >= 4
    assert len(OF_PULUMI) >= 6
    assert {words[0] for words in COMMANDS} <= {"pulumi", "mtafleet"}


def parsed(group: click.Group, words: list[str]) -> None:
    """Have click parse the words as the command would, and do nothing; ClickException when it refuses.

    A command that is only named has to exist.
    """
    context = click.Context(group)
    command: click.Command = group
    while isinstance(command, click.Group):
        _name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    if words:
        command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize("words", OF_MTAFLEET, ids=" ".join)
def test_mtafleet_takes_its_commands(words: list[str]) -> None:
    parsed(mtafleet, words)


@pytest.mark.parametrize(
    "words", [["fly", "staging"], ["configure", "staging", "--fly"], ["cost", "staging"]]
)
def test_a_command_that_is_none_would_be_noticed(words: list[str]) -> None:
    with pytest.raises(click.ClickException):
        parsed(mtafleet, words)


def test_configuration_keys_are_the_projects() -> None:
    known = yaml.safe_load((project_root() / "Pulumi.yaml").read_text())["config"]
    named = set(re.findall(r"mtafleet:[a-z]+\b(?!:)", PAGE))
    assert len(named) >= 5
    assert named <= known.keys()
    for words in OF_PULUMI:
        if words[:2] == ["config", "set"]:
            plain = [word for word in words[2:] if not word.startswith("--")]
            assert re.match(r"mtafleet:[a-z]+", plain[0]), words


def test_example_stacks_set_known_keys_only() -> None:
    known = yaml.safe_load((project_root() / "Pulumi.yaml").read_text())["config"]
    stacks = sorted(project_root().glob("Pulumi.*.yaml"))
    assert len(stacks) >= 6
    for stack in stacks:
        assert (yaml.safe_load(stack.read_text()) or {}).get("config", {}).keys() <= known.keys(), stack


def usage(words: list[str], home: Path) -> tuple[str, str]:
    """What the engine says of the command that these words begin with: its name, and its help."""
    variables = engine_environment("staging", "aws") | {"PULUMI_HOME": str(home)}
    path = [word for word in words if re.fullmatch("[a-z][a-z-]*", word)]
    asked = subprocess.run(
        ["/usr/bin/env", "pulumi", *path[: _depth(words)], "--help"],
        env={"HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = re.search(r"^Usage:\n\s+pulumi ((?:[a-z-]+ )*[a-z-]+)", asked.stdout, re.MULTILINE)
    assert shown, asked.stdout
    return shown[1], asked.stdout


GROUPS = {"config", "stack", "state"}
"""Commands of the engine that have commands of their own."""


def _depth(words: list[str]) -> int:
    return 2 if words[0] in GROUPS else 1


@pytest.mark.engine
@pytest.mark.skipif(find_engine() is None, reason="no Pulumi engine: tools/bootstrap builds one")
def test_the_engine_takes_its_commands(tmp_path: Path) -> None:
    for words in OF_PULUMI:
        name, told = usage(words, tmp_path)
        assert name == " ".join(words[: _depth(words)]), words
        flags = [word.partition("=")[0] for word in words if word.startswith("-")]
        assert not [flag for flag in flags if not re.search(rf"(?<!\S){flag}\b", told)], words
