"""Both stacks of a small fleet, run by the real engine over the stand-in and a simulated AWS."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from fleet.paths import project_root
from infra.engine.environment import environment_apart
from lab.aws.server.app import Server
from tests.infra.stack import Result

NAME = "dev"
FOUNDATION = f"{NAME}-foundation"
REGIONS = ("us-east-1", "eu-west-1", "us-east-2")


def small_environment() -> str:
    """The smallest fleet: of `dev` one pool and one domain."""
    document = yaml.safe_load((project_root() / "environments" / "dev.yaml").read_text())
    document["pools"] = {"transactional": document["pools"]["transactional"]}
    document["domains"] = {"dev-shop.example": document["domains"]["dev-shop.example"]}
    document["users"] = {"shop-app": document["users"]["shop-app"]}
    document["aws"]["checks"] = {"views": 1, "agreeing": 1}
    text: str = yaml.safe_dump(document, sort_keys=False)
    return text


@dataclass(frozen=True)
class AwsFleet:
    """A project of this checkout's program in a folder of its own; every call runs the real engine."""

    folder: Path
    server: Server

    @classmethod
    def make(cls, folder: Path, server: Server) -> "AwsFleet":
        root = project_root()
        for place in ("project", "backend", "home"):
            (folder / place).mkdir()
        shutil.copy(root / "__main__.py", folder / "project")
        text = (root / "Pulumi.yaml").read_text()
        for provider in ("infra/provider", "lab/provider"):
            text = text.replace(f"path: {provider}", f"path: {root / provider}")
        text = text.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")
        (folder / "project/Pulumi.yaml").write_text(text)
        (folder / "passphrase").write_text("correct horse\n")
        fleet = cls(folder, server)
        fleet.file.write_text(small_environment())
        images = dict.fromkeys(REGIONS, "ami-0123456789abcdef0")
        fleet.begin(FOUNDATION, environment=str(fleet.file), delegated=True)
        fleet.begin(NAME, environment=str(fleet.file), images=images)
        return fleet

    @property
    def file(self) -> Path:
        return self.folder / "small.yaml"

    @property
    def environment(self) -> Mapping[str, str]:
        return {**environment_apart(self.folder, ["lab/aws"]), "AWS_ENDPOINT_URL": self.server.url}

    def run(self, *arguments: str) -> Result:
        done = subprocess.run(
            ["/usr/bin/env", "pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.folder / "project",
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout)

    def mtafleet(self, *arguments: str) -> Result:
        """Run the `mtafleet` command as the operator of this fleet would; `text` is its standard output."""
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            cwd=project_root(),
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout or done.stderr)

    def begin(self, stack: str, **settings: Any) -> None:
        """Make a stack, its configuration written at once: each `config set` would start the engine."""
        assert self.run("stack", "init", stack).status == 0
        file = self.folder / f"project/Pulumi.{stack}.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"] = {f"mtafleet:{name}": value for name, value in settings.items()}
        file.write_text(yaml.safe_dump(document))

    def configure(self, stack: str, key: str, value: str) -> None:
        done = self.run("config", "set", "--path", key, value, "--stack", stack)
        assert done.status == 0, done.text

    def up(self, stack: str, *arguments: str) -> Result:
        done = self.run("up", "--stack", stack, "--yes", "--skip-preview", *arguments)
        assert done.status == 0, done.text
        return done

    def outputs(self, stack: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            self.run("stack", "output", "--stack", stack, "--json", "--show-secrets").text
        )
        return document

    def edit(self, old: str, new: str) -> None:
        """Change the environment file."""
        text = self.file.read_text()
        assert old in text, old
        self.file.write_text(text.replace(old, new, 1))

    def ec2(self, region: str) -> Any:
        """A client of the simulated AWS."""
        return boto3.client(
            "ec2",
            region_name=region,
            endpoint_url=self.server.url,
            aws_access_key_id="standin",
            aws_secret_access_key="standin",
        )
