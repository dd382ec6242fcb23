"""From an environment's name or file to a checked :class:`Environment`."""

from datetime import date
from pathlib import Path

from fleet.document import Document, UnreadableError, read_document
from fleet.paths import project_root
from fleet.problems import Problem, SpecError, whole_file
from fleet.spec import aws, base
from fleet.spec.models import Environment
from fleet.spec.rules import findings
from fleet.validation import suggestion, validate

PATTERN_REMEDIES = {
    base.LABEL_PATTERN: (
        "a usable name",
        "Use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter.",
    ),
    base.DOMAIN_PATTERN: (
        "a domain name",
        "Write a full name in lower case without a final dot, like `mail.example.net`.",
    ),
    base.DNS_NAME_PATTERN: (
        "a DNS name",
        "Write a full name in lower case without a final dot, like `_spf.example.net`.",
    ),
    base.MAILBOX_PATTERN: ("a mail address", "Write it like `hostmaster@example.net`."),
    base.SENDER_PATTERN: ("a sender", "Write `name@example.net`, or `@example.net` for a whole domain."),
    base.HTTPS_PATTERN: ("an https URL", "Write it like `https://ca.example.net/directory`."),
    aws.REGION_PATTERN: ("an AWS region", "Write its code, like `eu-central-1`."),
    aws.ZONE_PATTERN: ("an availability zone", "Write its name, like `eu-central-1a`."),
    aws.ACCOUNT_PATTERN: ("an AWS account number", "Write its twelve digits in quotes."),
    aws.ALLOCATION_PATTERN: (
        "the id of an Elastic IP",
        "Write its allocation id, like `eipalloc-0123456789abcdef0`.",
    ),
    aws.HOSTED_ZONE_PATTERN: ("the id of a hosted zone", "Write it like `Z0123456789ABCDEFGHIJ`."),
    aws.BUCKET_PATTERN: (
        "a bucket name",
        "Use 3 to 63 lower-case letters, digits and hyphens, beginning and ending without a hyphen.",
    ),
    aws.INSTANCE_TYPE_PATTERN: ("an instance type", "Write it like `c6i.large`."),
}


def environment_path(name_or_path: str, root: Path | None = None) -> Path:
    """The file meant: a path when it looks like one, else `environments/NAME.yaml` of the project.

    Raises SpecError when the project has no environment of that name.
    """
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    folder = (root or project_root()) / "environments"
    path = folder / f"{name_or_path}.yaml"
    if not path.is_file():
        known = sorted(one.stem for one in folder.glob("*.yaml"))
        what = f"there is no environment called `{name_or_path}`"
        raise SpecError([whole_file(_shortest(path), what, suggestion(name_or_path, known))])
    return _shortest(path)


def load_environment(name_or_path: str | Path, as_of: date | None = None) -> Environment:
    """The environment called so, or in that file; raises SpecError with all its problems.

    Sending addresses grow warm with time: `as_of` is the day to judge by, today by default.
    """
    from fleet.invariants import violations  # noqa: PLC0415 - knows the catalogue, which knows this module

    path = environment_path(name_or_path) if isinstance(name_or_path, str) else name_or_path
    try:
        document = read_document(path)
    except UnreadableError as error:
        raise SpecError(error.problems) from None
    environment, problems = validate(Environment, document, PATTERN_REMEDIES)
    if environment is None:
        raise SpecError(problems)
    assert isinstance(environment, Environment)  # noqa: S101 - narrows the type
    found = [*findings(environment), *violations(environment, as_of or date.today())]
    problems = [document.problem(one.path, one.what, one.remedy) for one in found]
    problems += _name_problems(document, environment, path)
    if problems:
        raise SpecError(problems)
    return environment


def _name_problems(document: Document, environment: Environment, path: Path) -> list[Problem]:
    """Files below `environments/` are found by name, so name and file must agree."""
    if path.parent.name != "environments" or path.stem == environment.environment:
        return []
    what = f"the file is called `{path.name}` but the environment `{environment.environment}`"
    return [document.problem(("environment",), what, f"Write `{path.stem}`, or rename the file.")]


def _shortest(path: Path) -> Path:
    """Relative to the working directory when it lies below: what a person would type."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
