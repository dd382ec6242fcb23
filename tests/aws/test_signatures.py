"""What the stand-in reads from the source of `pulumi_aws` is what its classes say when they are imported."""

import importlib
import inspect
import re
from typing import Any

import pytest
from pulumi._types import input_type_py_to_pulumi_names

from lab.aws.kinds import KINDS
from lab.aws.models import inputs_of
from lab.aws.signatures import PROVIDER, NoSuchTypeError, ObjectOf, package_version, signature, snake

TOKENS = sorted(KINDS)


def arguments_class(token: str) -> Any:
    """Import the class that holds a resource's arguments."""
    match = re.fullmatch(r"aws:(\w+)/(\w+):(\w+)", token)
    assert match is not None
    folder, module, name = match.groups()
    # The folder first: it loads lazily, and stays half-loaded where one of its modules is imported before it.
    assert inspect.isclass(getattr(importlib.import_module(f"pulumi_aws.{folder}"), name))
    imported = importlib.import_module(f"pulumi_aws.{folder}.{snake(module)}")
    # Where a nested type took the name, Pulumi calls the arguments `InitArgs`.
    first = re.search(r"^class (\w+Args):", inspect.getsource(imported), re.MULTILINE)
    assert first is not None
    return getattr(imported, first[1])


def names_and_needs(arguments: Any) -> dict[str, tuple[str, bool]]:
    """Python names of a class's parameters, each with its name on the wire and whether it is required."""
    wire = input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters.values()
    return {
        one.name: (wire.get(one.name, one.name), one.default is inspect.Parameter.empty)
        for one in parameters
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    }


@pytest.mark.parametrize("token", TOKENS)
def test_inputs_are_those_of_the_class(token: str) -> None:
    read = {field.python: (field.wire, field.required) for field in signature(token).inputs.values()}
    assert read == names_and_needs(arguments_class(token))


@pytest.mark.parametrize("token", TOKENS)
def test_nested_inputs_are_those_of_their_classes(token: str) -> None:
    def check(declared: Any) -> None:
        if isinstance(declared, ObjectOf):
            of_class = getattr(importlib.import_module(f"pulumi_aws.{declared.folder}"), declared.name)
            fields = declared.fields()
            read = {field.python: (field.wire, field.required) for field in fields.values()}
            assert read == names_and_needs(of_class), declared.name
            for field in fields.values():
                check(field.type)
        elif hasattr(declared, "element"):
            check(declared.element)

    for field in signature(token).inputs.values():
        check(field.type)


@pytest.mark.parametrize("token", TOKENS)
def test_every_property_in_the_tables_exists(token: str) -> None:
    kind, known = KINDS[token], signature(token)
    inputs = set(known.inputs)
    tables = {*kind.served, *kind.replaces, *kind.settled, *kind.sets, *kind.documents, *kind.unread}
    assert tables | set(kind.defaults) | ({kind.named} if kind.named else set()) <= inputs
    assert kind.computed <= set(known.state)
    required = {name for name, field in known.inputs.items() if field.required}
    assert required <= kind.served
    for name, fields in kind.nested_replaces.items():
        nested = known.inputs[name].type
        assert isinstance(nested, ObjectOf)
        assert fields <= set(nested.fields())
    assert set(inputs_of(token).model_fields) == inputs


def test_the_provider_is_read_too() -> None:
    provider = importlib.import_module("pulumi_aws.provider").ProviderArgs
    read = {field.python: (field.wire, field.required) for field in signature(PROVIDER).inputs.values()}
    assert read == names_and_needs(provider)
    assert re.fullmatch(r"\d+\.\d+\.\d+", package_version())


@pytest.mark.parametrize("token", ["aws:ec2/vpc:Cloud", "aws:ec2/nothing:Nothing", "aws:index:Nothing"])
def test_types_that_do_not_exist_are_told_apart(token: str) -> None:
    with pytest.raises(NoSuchTypeError):
        signature(token)
