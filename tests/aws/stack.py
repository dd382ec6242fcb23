"""A small Pulumi project of its own, run by the real engine over the stand-in and a simulated AWS."""

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.engine.environment import environment_apart
from lab.aws.server.app import Server
from tests.infra.processes import await_end, end
from tests.infra.stack import Result

_PROJECT = """\
name: standin
runtime:
  name: python
  options:
    virtualenv: {virtualenv}
"""


@dataclass(frozen=True)
class AwsStack:
    """One stack called `dev`; its program is text that a test changes."""

    folder: Path
    server: Server

    @classmethod
    def make(cls, folder: Path, server: Server, program: str) -> "AwsStack":
        stack = cls(folder, server)
        for place in ("project", "backend", "home"):
            (folder / place).mkdir()
        (folder / "project/Pulumi.yaml").write_text(_PROJECT.format(virtualenv=sys.prefix))
        (folder / "passphrase").write_text("correct horse\n")
        stack.write(program)
        stack.run("stack", "init", "dev")
        return stack

    def write(self, program: str) -> None:
        (self.folder / "project/__main__.py").write_text(textwrap.dedent(program))

    @property
    def environment(self) -> dict[str, str]:
        return {
            **environment_apart(self.folder, ["lab/aws"]),
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_PROFILE": "nobody",  # the stand-in must not look for it
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the engine and leave it running."""
        return subprocess.Popen(
            ["/usr/bin/env", "pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.folder / "project",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> Result:
        with self.start(*arguments) as engine:
            text, _ = engine.communicate()
        return Result(engine.returncode, text)

    def up(self, *arguments: str) -> Result:
        return self.run("up", "--stack", "dev", "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> Result:
        return self.run("preview", "--stack", "dev", "--diff", *arguments)

    def destroy(self) -> Result:
        return self.run("destroy", "--stack", "dev", "--yes", "--skip-preview")

    def recorded(self) -> list[dict[str, Any]]:
        """Return the stack's resources as its state has them."""
        document = json.loads(self.run("stack", "export", "--stack", "dev").text)
        listed: list[dict[str, Any]] = document["deployment"].get("resources", [])
        return listed

    def urns(self) -> list[str]:
        return [one["urn"] for one in self.recorded()]

    def resources(self) -> dict[str, Any]:
        """Return the stack's AWS resources by name."""
        return {
            one["urn"].rpartition("::")[2]: one for one in self.recorded() if one["type"].startswith("aws:")
        }

    def await_end(self) -> None:
        """Wait for every process that was started with this stack's environment; none may stay."""
        await_end(f"PULUMI_HOME={self.folder / 'home'}")

    def end(self) -> None:
        """Kill those that are left."""
        end(f"PULUMI_HOME={self.folder / 'home'}")
