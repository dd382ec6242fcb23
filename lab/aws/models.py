"""Input models made from signatures: unknown names and ill-typed values are refused."""

from functools import cache
from typing import Any

from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr, create_model

from lab.aws.signatures import Field, ListOf, MapOf, ObjectOf, Scalar, Type, signature
from providerkit.kind import Inputs

_SCALARS: dict[str, Any] = {"str": StrictStr, "int": StrictInt, "float": StrictFloat, "bool": StrictBool}


@cache
def inputs_of(token: str) -> type[Inputs]:
    """Return the model of a resource type's inputs; its fields carry the names on the wire."""
    return _model(token, signature(token).inputs)


def _model(name: str, fields: dict[str, Field]) -> type[Inputs]:
    definitions: dict[str, Any] = {
        wire: (_python_type(field.type), ...) if field.required else (_python_type(field.type) | None, None)
        for wire, field in fields.items()
    }
    return create_model(name, __base__=Inputs, **definitions)


def _python_type(declared: Type) -> Any:
    match declared:
        case Scalar(name):
            return _SCALARS.get(name, Any)
        case ListOf(element):
            return list[_python_type(element)]  # type: ignore[misc]
        case MapOf(element):
            return dict[str, _python_type(element)]  # type: ignore[misc]
        case ObjectOf():
            return _nested(declared)


@cache
def _nested(declared: ObjectOf) -> type[Inputs]:
    return _model(declared.name, declared.fields())
