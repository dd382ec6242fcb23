"""What each AWS resource class takes and returns, read from the source of the `pulumi_aws` package.

Reading the headers of the generated classes takes milliseconds; importing the package takes seconds and
would load Pulumi's SDK into the provider. A test holds what is read here to the imported classes.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PROVIDER = "pulumi:providers:aws"
"""The type of a provider's own configuration."""
SCALARS = {"str", "int", "float", "bool"}
_GETTER = re.compile(r'@pulumi\.getter\(name="(\w+)"\)\n(?:.*\n)*?    def (\w+)\(')
"""A property's name on the wire and in Python; a note that it is deprecated may stand between."""


@dataclass(frozen=True)
class Scalar:
    """One of `str`, `int`, `float`, `bool`; `Any` for what has no type."""

    name: str


@dataclass(frozen=True)
class ListOf:
    element: "Type"


@dataclass(frozen=True)
class MapOf:
    """A map with string keys."""

    element: "Type"


@dataclass(frozen=True)
class ObjectOf:
    """A nested object; its fields are those of class `name` in `folder/_inputs.py`."""

    folder: str
    name: str

    def fields(self) -> "dict[str, Field]":
        return _fields(_inputs_source(self.folder), self.name, self.folder)


Type = Scalar | ListOf | MapOf | ObjectOf


@dataclass(frozen=True)
class Field:
    """One property: its name on the wire (camel case), its name in Python, and its type."""

    wire: str
    python: str
    type: Type
    required: bool


@dataclass(frozen=True)
class Signature:
    """A resource class: its inputs and its state, both by the name on the wire."""

    token: str
    inputs: dict[str, Field] = field(hash=False)
    state: dict[str, Field] = field(hash=False)


class NoSuchTypeError(LookupError):
    """The installed `pulumi_aws` has no class for a type token."""


def package_folder() -> Path:
    """Return where `pulumi_aws` is installed, without importing it."""
    spec = find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        raise NoSuchTypeError("the Python package pulumi-aws is not installed")
    return Path(spec.origin).parent


@cache
def package_version() -> str:
    """Return the version of the installed `pulumi_aws`."""
    text = (package_folder() / "pulumi-plugin.json").read_text()
    match = re.search(r'"version":\s*"([^"]+)"', text)
    return match[1] if match else "0.0.0"


@cache
def signature(token: str) -> Signature:
    """Return the signature of a type such as `aws:ec2/vpc:Vpc`; `pulumi:providers:aws` is the provider."""
    if token == PROVIDER:
        source = (package_folder() / "provider.py").read_text()
        inputs = _fields(source, "ProviderArgs", "")
        return Signature(token, inputs, inputs)
    match = re.fullmatch(r"aws:(\w+)/(\w+):(\w+)", token)
    if match is None:
        raise NoSuchTypeError(f"{token} does not read like aws:service/name:Name")
    folder, module, name = match.groups()
    file = package_folder() / folder / f"{snake(module)}.py"
    if not file.exists():
        raise NoSuchTypeError(f"pulumi_aws {package_version()} has no {token}")
    source = file.read_text()
    arguments = re.search(r"^class (\w+Args):", source, re.MULTILINE)
    if arguments is None:
        raise NoSuchTypeError(f"no arguments of {token} in {file}")
    inputs = _fields(source, arguments[1], folder)
    return Signature(token, inputs, {**inputs, **_fields(source, f"_{name}State", folder)})


def snake(name: str) -> str:
    """`internetGateway` -> `internet_gateway`, the way Pulumi names Python modules."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@cache
def _inputs_source(folder: str) -> str:
    return (package_folder() / folder / "_inputs.py").read_text()


def _fields(source: str, name: str, folder: str) -> dict[str, Field]:
    """Return the fields of one generated class by their names on the wire."""
    begin = source.find(f"\nclass {name}:\n")
    if begin < 0:
        raise NoSuchTypeError(f"no class {name} in pulumi_aws.{folder}")
    end = source.find("\nclass ", begin + 1)
    body = source[begin : end if end > 0 else len(source)]
    header = re.search(r"    def __init__\(__self__.*?\):\n", body, re.DOTALL)
    if header is None:
        return {}
    arguments = next(
        node.args
        for node in ast.walk(ast.parse(f"class _:\n{header[0]}        pass"))
        if isinstance(node, ast.FunctionDef)
    )
    wire = dict(_GETTER.findall(body))
    by_python = {python: name for name, python in wire.items()}
    fields = {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.annotation is None:
            continue
        wire_name = by_python.get(argument.arg, argument.arg)
        fields[wire_name] = Field(
            wire_name, argument.arg, _type(argument.annotation, folder), required=default is None
        )
    return fields


def _type(node: ast.expr, folder: str) -> Type:
    """Turn an annotation such as `Optional[pulumi.Input[Sequence[pulumi.Input[str]]]]` into a type."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _named(node.value, folder)
    if isinstance(node, ast.Attribute):
        return Scalar(node.attr if node.attr in SCALARS else "Any")
    if not isinstance(node, ast.Subscript):
        return Scalar("Any")
    return _generic(node, folder)


def _generic(node: ast.Subscript, folder: str) -> Type:
    outer = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    inner = node.slice
    match outer:
        case "Optional" | "Input":
            return _type(inner, folder)
        case "Sequence":
            return ListOf(_type(inner, folder))
        case "Mapping" if isinstance(inner, ast.Tuple):
            return MapOf(_type(inner.elts[1], folder))
        case "Union" if isinstance(inner, ast.Tuple):
            # A string or the name of an enumeration of strings; policies also come as objects.
            return _type(inner.elts[0], folder)
    return Scalar("Any")


def _named(name: str, folder: str) -> Type:
    """Resolve a quoted class name; one of another folder reads `_iam.PolicyDocumentArgs`."""
    prefix, _, bare = name.rpartition(".")
    if not bare.endswith("Args"):
        return Scalar("str")  # an enumeration
    return ObjectOf(prefix.removeprefix("_") or folder, bare)
