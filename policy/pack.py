"""The judges as policies of Pulumi's engine."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from fleet.paths import project_root
from fleet.problems import ProblemsError
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from policy.seen import Seen
from policy.single import SINGLE
from policy.whole import WHOLE

NAME = "mtafleet"
FOUNDATION_SUFFIX = "-foundation"


def policies() -> list[Policy]:
    """All of them, each mandatory."""
    found: list[Policy] = [_single(name, judge, says) for name, (judge, says) in SINGLE.items()]
    return [*found, _whole()]


def run() -> None:
    """Serve the pack to the engine that has started this process."""
    PolicyPack(NAME, policies(), enforcement_level=EnforcementLevel.MANDATORY)


def _single(name: str, judge: Callable[[Seen], Iterator[str]], statement: str) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        one = Seen(args.resource_type, args.name, args.props, bool(args.opts.protect), args.urn)
        if one.type.startswith("mtafleet:") and not _on_aws():
            return  # a lab's keys go with the lab
        for wrong in judge(one):
            report(wrong, args.urn)

    return ResourceValidationPolicy(name, statement, validate, EnforcementLevel.MANDATORY)


def _whole() -> Policy:
    """All judges of the stack in one policy: the SDK unpacks every resource once for each of them."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = [seen(resource) for resource in args.resources]
        if not any(one.type.startswith("aws:") for one in stack):
            return
        try:
            environment = _environment()
        except ProblemsError as error:
            for problem in error.problems:
                report(str(problem), None)
            return
        for name, (judge, statement) in WHOLE.items():
            for wrong in judge(stack, environment, date.today()):
                report(f"{name}: {statement} {wrong}", None)

    return StackValidationPolicy(
        "fleet",
        "What the environment file promises holds of the resources.",
        validate,
        EnforcementLevel.MANDATORY,
    )


def seen(resource: PolicyResource) -> Seen:
    """A resource of the SDK as judges see it."""
    made_of = {
        name: [(one.resource_type, one.name) for one in listed]
        for name, listed in resource.property_dependencies.items()
    }
    return Seen(
        resource.resource_type,
        resource.name,
        resource.props,
        bool(resource.opts.protect),
        resource.urn,
        made_of,
    )


def _on_aws() -> bool:
    try:
        return _environment().substrate == "aws"
    except ProblemsError:
        return True


@cache
def _load(name_or_path: str) -> Environment:
    path = Path(name_or_path)
    if not path.suffix and (project_root() / "environments" / f"{name_or_path}.yaml").is_file():
        return load_environment(project_root() / "environments" / f"{name_or_path}.yaml")
    return load_environment(path if path.is_absolute() else project_root() / path)


def _environment() -> Environment:
    """The environment of the stack that is judged, as the program finds it."""
    config: Any = pulumi.Config("mtafleet")
    stack = pulumi.get_stack().removesuffix(FOUNDATION_SUFFIX)
    return _load(config.get("environment") or stack)
