"""This checkout's Pulumi program as a project of its own: local state, the stand-in for AWS, no account."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from bench.large import NAME, images
from bench.processes import Used, sampling
from fleet.paths import project_root
from fleet.spec.models import Environment
from infra.engine.environment import environment_apart
from infra.stack_settings import FOUNDATION_SUFFIX

FOUNDATION = f"{NAME}{FOUNDATION_SUFFIX}"
PARTS = (
    ("engine", "pulumi --non-interactive"),
    ("program", "pulumi-language-python"),
    ("AWS", "lab.aws"),
    ("keys", "providerkit"),
    ("policy", "policy"),
)
"""By what their command lines hold. `AWS` is the stand-in: it tells nothing of the official provider."""
_GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the engine: wall-clock time, and what each part of it used."""

    seconds: float
    counts: Mapping[str, int]
    """Resources by what the engine says of them."""
    used: Mapping[str, Used]


@dataclass(frozen=True)
class EngineProject:
    """Both stacks of one generated fleet; every call runs the real engine."""

    folder: Path
    url: str
    limit_seconds: float

    @classmethod
    def make(cls, folder: Path, url: str, environment: Environment, limit_seconds: float) -> "EngineProject":
        """Lay the project out in `folder`, which holds the environment's file; `url` is the simulated AWS."""
        for place in ("project", "backend", "home"):
            (folder / place).mkdir()
        root = project_root()
        shutil.copy(root / "__main__.py", folder / "project")
        text = (root / "Pulumi.yaml").read_text()
        for provider in ("infra/provider", "lab/provider"):
            text = text.replace(f"path: {provider}", f"path: {root / provider}")
        text = text.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")
        (folder / "project/Pulumi.yaml").write_text(text)
        (folder / "passphrase").write_text("for a benchmark only\n")
        project = cls(folder, url, limit_seconds)
        own = {"mtafleet:environment": str(folder / f"{NAME}.yaml")}
        project._configure(FOUNDATION, {**own, "mtafleet:delegated": True})
        project._configure(NAME, {**own, "mtafleet:images": dict(images(environment))})
        return project

    def preview(self, stack: str) -> Measured:
        """A preview with the policy pack."""
        return self._measure("preview", "--stack", stack, "--policy-pack", str(project_root() / "policy"))

    def up(self, stack: str) -> Measured:
        """A first `up` with the policy pack, the state written after every step."""
        pack = str(project_root() / "policy")
        return self._measure("up", "--stack", stack, "--yes", "--skip-preview", "--policy-pack", pack)

    def give_outputs(self, stack: str, outputs: Mapping[str, Any]) -> None:
        """Let the stack's state hold these outputs and nothing else."""
        kind = "pulumi:pulumi:Stack"
        resource = {
            "urn": f"urn:pulumi:{stack}::mtafleet::{kind}::mtafleet-{stack}",
            "custom": False,
            "type": kind,
            "outputs": outputs,
        }
        state = {"version": 3, "deployment": {"manifest": {}, "resources": [resource]}}
        file = self.folder / "state.json"
        file.write_text(json.dumps(state))
        self._run("stack", "import", "--stack", stack, "--file", str(file))

    def state_bytes(self, stack: str) -> int:
        """How large the state is that the engine writes."""
        return sum(
            file.stat().st_size for file in self.folder.glob(f"backend/.pulumi/stacks/**/{stack}.json")
        )

    def _configure(self, stack: str, config: Mapping[str, object]) -> None:
        (self.folder / f"project/Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": dict(config)}))
        self._run("stack", "init", stack)

    @property
    def _environment(self) -> dict[str, str]:
        return {**environment_apart(self.folder, ["lab/aws"]), "AWS_ENDPOINT_URL": self.url}

    def _run(self, *arguments: str) -> Measured:
        return self._measure(*arguments)

    def _measure(self, *arguments: str) -> Measured:
        """Run to the end; BenchError with its last words when it fails or takes longer than allowed."""
        said = self.folder / "said.txt"
        began = time.monotonic()
        with said.open("w+") as stream:
            engine = subprocess.Popen(
                ["/usr/bin/env", "pulumi", "--non-interactive", "--color", "never", *arguments],
                cwd=self.folder / "project",
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with _ended(engine), sampling(engine.pid, PARTS) as sampler:
                try:
                    status = engine.wait(self.limit_seconds)
                except subprocess.TimeoutExpired:
                    status = None
        seconds = time.monotonic() - began
        text = said.read_text()
        command = f"pulumi {' '.join(arguments[:3])}"
        if status is None:
            raise BenchError(f"`{command}` did not end within {self.limit_seconds:g} s: stopped")
        if status != 0:
            raise BenchError(f"`{command}` failed:\n" + "\n".join(text.strip().splitlines()[-25:]))
        return Measured(seconds, _counts(text), sampler.used())


def _counts(text: str) -> dict[str, int]:
    summary = text.partition("Resources:")[2]
    return {word: int(number) for number, word in re.findall(r"(\d+) (to \w+|\w+)", summary)}


@contextmanager
def _ended(engine: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave nothing of the engine's session running, however the block ends."""
    try:
        yield
    finally:
        if engine.poll() is None:
            engine.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                engine.wait(_GRACE_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(engine.pid, signal.SIGKILL)
            engine.wait()


@contextmanager
def simulated_aws() -> Iterator[str]:
    """An empty simulated AWS in a process of its own; its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "lab.aws.server"], cwd=project_root(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None  # noqa: S101 - narrows the type
        url = server.stdout.readline().strip()
        if not url:
            raise BenchError("the simulated AWS did not start")
        yield url
    finally:
        server.terminate()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()
