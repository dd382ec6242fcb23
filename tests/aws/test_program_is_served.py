"""Every AWS resource class the program uses is served by the stand-in, and the docs list all that are."""

import ast
from collections.abc import Iterator
from pathlib import Path

from fleet.paths import project_root
from lab.aws.kinds import KINDS
from lab.aws.signatures import package_folder, snake

SERVED = {(token.split(":")[1].partition("/")[0], token.rpartition(":")[2]) for token in KINDS}


def classes_used(source: str) -> Iterator[tuple[str, str]]:
    """Resource classes called as `aws.MODULE.CLASS(...)`; arguments and the provider itself are none."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = node.func.value, node.func.attr
        if not isinstance(owner, ast.Attribute) or not isinstance(owner.value, ast.Name):
            continue
        if (
            owner.value.id in {"aws", "pulumi_aws"}
            and (package_folder() / owner.attr / f"{snake(name)}.py").exists()
        ):
            yield owner.attr, name


def program_files() -> list[Path]:
    return [file for file in (project_root() / "infra").rglob("*.py") if "aws" in file.read_text()]


def test_classes_are_found() -> None:
    source = "x = aws.ec2.Vpc('a', aws.ec2.VpcArgs(), tags=aws.sqs.Queue('b').name); aws.Provider('p')"
    assert set(classes_used(source)) == {("ec2", "Vpc"), ("sqs", "Queue")}


def test_the_program_uses_served_types_only() -> None:
    used = {one for file in program_files() for one in classes_used(file.read_text())}
    assert used
    assert used - SERVED == set()


def test_the_docs_list_every_type() -> None:
    page = Path(project_root() / "docs/aws-standin.md").read_text()
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `aws:")}
    assert listed == set(KINDS)
