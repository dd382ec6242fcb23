"""One of the two stacks of an environment on AWS, in the backend that its operator has chosen."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from fleet.errors import MtafleetError
from fleet.paths import project_root
from fleet.spec.models import Environment
from infra.engine import EngineError, engine_environment
from infra.engine.stack import pulumi
from infra.stack_settings import FOUNDATION_SUFFIX, Part

POLICY_PACK = project_root() / "policy"
"""Holds every preview and `up` of a stack on AWS to the statements of `fleet.invariants`."""
_TIMEOUT_SECONDS = 120


class AwsStackError(MtafleetError):
    """The stack is not there, or must wait for another."""


@dataclass(frozen=True)
class AwsStack:
    """A stack and how the engine reaches it: its project, and variables to lay over the environment."""

    environment: Environment
    part: Part
    project: Path
    variables: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, environment: Environment, part: Part | None, project: Path | None = None) -> "AwsStack":
        """A part of an environment on AWS, by default its fleet.

        Raises AwsStackError for another substrate, EngineError without an engine.
        """
        name = environment.environment
        if environment.aws is None or environment.substrate != "aws":
            raise AwsStackError(f"{name} is on the substrate `{environment.substrate}`, not on `aws`")
        variables = engine_environment(name, environment.substrate)
        return cls(environment, part or "fleet", project or project_root(), variables)

    @property
    def name(self) -> str:
        """`NAME-foundation` or `NAME`."""
        suffix = FOUNDATION_SUFFIX if self.part == "foundation" else ""
        return f"{self.environment.environment}{suffix}"

    def other(self, part: Part) -> "AwsStack":
        """The same environment's stack of that part."""
        return replace(self, part=part)

    def call(self, arguments: Sequence[str]) -> str:
        """Run `pulumi` on the stack; its standard output. Raises EngineError when it fails."""
        return pulumi(
            [*arguments, "--stack", self.name],
            project=self.project,
            variables=self.variables,
            timeout_seconds=_TIMEOUT_SECONDS,
        )

    def outputs(self) -> Mapping[str, Any] | None:
        """The stack's outputs, secret ones blinded; None when there is no such stack."""
        try:
            text = self.call(["stack", "output", "--json"])
        except EngineError as error:
            if "no stack named" in str(error):
                return None
            raise
        found: Mapping[str, Any] = json.loads(text)
        return found

    def exported(self) -> dict[str, Any] | None:
        """The stack's state, secrets in it encrypted; None when there is no such stack."""
        try:
            text = self.call(["stack", "export"])
        except EngineError as error:
            if "no stack named" in str(error):
                return None
            raise
        found: dict[str, Any] = json.loads(text)
        return found

    def protected(self) -> list[str]:
        """The URNs of what the stack's state protects from being deleted."""
        deployment = (self.exported() or {"deployment": {}})["deployment"]
        return [one["urn"] for one in deployment.get("resources") or () if one.get("protect")]

    @property
    def project_name(self) -> str:
        """As Pulumi.yaml has it."""
        return str(yaml.safe_load((self.project / "Pulumi.yaml").read_text(encoding="utf-8"))["name"])

    @property
    def backend(self) -> str:
        """The URL of where the engine keeps the state: what the surroundings say, else the login."""
        chosen = self.variables.get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_BACKEND_URL")
        if chosen:
            return chosen
        told = pulumi(
            ["whoami", "--json"],
            project=self.project,
            variables=self.variables,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return str(json.loads(told)["url"])

    def require(self) -> None:
        """Raise AwsStackError when the stack, or what it stands upon, is not there yet.

        It is never made in passing: where it keeps its secrets is for its operator to say.
        """
        name = self.environment.environment
        if self.part == "fleet" and "foundation" not in (self.other("foundation").outputs() or {}):
            raise AwsStackError(
                f"{name} has no foundation yet: its addresses, zones, keys and queue volumes come first, "
                f"with `mtafleet up {name} --part foundation`"
            )
        self.require_itself()

    def require_itself(self) -> None:
        """Raise AwsStackError when there is no such stack."""
        if self.outputs() is None:
            raise AwsStackError(
                f"there is no stack `{self.name}` in the backend that Pulumi is logged in to: make it with "
                f"`pulumi stack init {self.name} --secrets-provider passphrase` (or awskms://..., see "
                "docs/aws.md), or set PULUMI_BACKEND_URL to where it is"
            )
