"""A Pulumi project of its own in a temporary folder, with a backend, a passphrase and a fake lab."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet.paths import project_root
from infra.engine.environment import environment_apart
from tests.infra.fakelab.computer import FakeComputer
from tests.infra.processes import await_end, end

STACK = "lab"
ENVIRONMENT_FILE = "small.yaml"


def small_environment(name: str) -> str:
    """The lab's environment file with one node in each region and one pool, under another name."""
    document = yaml.safe_load((project_root() / "environments" / "lab.yaml").read_text())
    document["environment"] = name
    for region in document["regions"].values():
        first = next(iter(region["nodes"]))
        region["nodes"] = {first: region["nodes"][first]}
    nodes = {name for region in document["regions"].values() for name in region["nodes"]}
    document["pools"] = {"transactional": document["pools"]["transactional"]}
    addresses = document["pools"]["transactional"]["addresses"]
    document["pools"]["transactional"]["addresses"] = {
        name: listed for name, listed in addresses.items() if name in nodes
    }
    document["users"] = {"shop-app": document["users"]["shop-app"]}
    document["domains"] = {
        "shop.example": {**document["domains"]["shop.example"], "pools": ["transactional"]}
    }
    text: str = yaml.safe_dump(document, sort_keys=False)
    return text


@dataclass(frozen=True)
class Result:
    status: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """What the engine says it did, for instance `{"created": 3, "unchanged": 70}`."""
        summary = self.text.partition("Resources:")[2]
        return {word: int(number) for number, word in re.findall(r"(\d+) (to \w+|\w+)", summary)}


@dataclass(frozen=True)
class Stack:
    """One stack; every call runs the real engine."""

    folder: Path
    computer: FakeComputer
    name: str

    @classmethod
    def make(cls, folder: Path, name: str = STACK, lab_provider: str = "tests/infra/fakelab") -> "Stack":
        """Lay out a project of this checkout's program and providers, by default over a fake computer."""
        root = project_root()
        project = folder / "project"
        project.mkdir()
        shutil.copy(root / "__main__.py", project)
        (project / ENVIRONMENT_FILE).write_text(small_environment(name))
        text = (root / "Pulumi.yaml").read_text()
        text = text.replace("path: infra/provider", f"path: {root / 'infra/provider'}")
        text = text.replace("path: lab/provider", f"path: {root / lab_provider}")
        text = text.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")
        (project / "Pulumi.yaml").write_text(text)
        (folder / "passphrase").write_text("correct horse\n")
        for place in ("backend", "home", "computer"):
            (folder / place).mkdir()
        stack = cls(folder, FakeComputer(folder / "computer"), name)
        stack.run("stack", "init", name)
        stack.run("config", "set", "mtafleet:environment", str(project / ENVIRONMENT_FILE), "--stack", name)
        return stack

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def environment(self) -> Mapping[str, str]:
        return {**environment_apart(self.folder), "MTAFLEET_FAKE_LAB": str(self.computer.root)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the engine and leave it running."""
        return subprocess.Popen(
            ["/usr/bin/env", "pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.project,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> Result:
        with self.start(*arguments) as engine:
            text, _ = engine.communicate()
        return Result(engine.returncode, text)

    def up(self, *arguments: str) -> Result:
        return self.run("up", "--stack", self.name, "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> Result:
        return self.run("preview", "--stack", self.name, "--diff", *arguments)

    def destroy(self) -> Result:
        return self.run("destroy", "--stack", self.name, "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            self.run("stack", "output", "--stack", self.name, "--json", "--show-secrets").text
        )
        return document

    def edit(self, old: str, new: str) -> None:
        """Change the environment file."""
        file = self.project / ENVIRONMENT_FILE
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def await_end(self) -> None:
        """Wait for every process that was started with this stack's environment; none may stay."""
        await_end(f"PULUMI_HOME={self.folder / 'home'}")

    def end(self) -> None:
        """Kill those that are left."""
        end(f"PULUMI_HOME={self.folder / 'home'}")
