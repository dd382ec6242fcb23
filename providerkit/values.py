"""Values as Pulumi sends them: JSON with markers for secrets and for values not known yet.

A :class:`Properties` keeps, beside the plain values, which *top-level* properties are secret or hold an
unknown. A secret anywhere inside a property makes the whole property secret, so nothing leaks by nesting.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.struct_pb2 import Struct

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Marker of Pulumi's wire format for a value that only an update will tell."""
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SEALED = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

Json = Any
"""What JSON can hold: None, bool, int, float, str, and lists and string-keyed dicts of these."""


@dataclass(frozen=True)
class Properties:
    """A resource's properties: plain values, and the names of those that are secret or unknown.

    Unknown properties have no entry in `values`.
    """

    values: Mapping[str, Json] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        shown = {key: "[secret]" if key in self.secret else value for key, value in self.values.items()}
        return f"Properties({shown!r}, unknown={sorted(self.unknown)!r})"


def from_struct(struct: Struct) -> Properties:
    """Read properties off the wire."""
    values: dict[str, Json] = {}
    secret: set[str] = set()
    unknown: set[str] = set()
    for key, value in struct.items():
        notes: set[str] = set()
        plain = _unwrap(_to_python(value), notes)
        if "secret" in notes:
            secret.add(key)
        if "unknown" in notes:
            unknown.add(key)
        elif plain is not None:
            values[key] = plain
    return Properties(values, frozenset(secret), frozenset(unknown))


def to_struct(properties: Properties) -> Struct:
    """Write properties onto the wire, secrets and unknowns marked."""
    struct = Struct()
    for key, value in properties.values.items():
        if value is not None:
            struct[key] = _mark(value, key in properties.secret)
    for key in properties.unknown:
        struct[key] = _mark(UNKNOWN, key in properties.secret)
    return struct


def _mark(value: Json, secret: bool) -> Json:
    return {_SIGNATURE: _SEALED, "value": value} if secret else value


def _to_python(value: Any) -> Json:
    """Turn a protobuf container into plain Python; whole numbers become integers."""
    if isinstance(value, Struct):
        return {key: _to_python(inner) for key, inner in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return [_to_python(inner) for inner in value]


def _unwrap(value: Json, notes: set[str]) -> Json:
    """Take the markers off `value` and note in `notes` which kinds were met."""
    if value == UNKNOWN:
        notes.add("unknown")
        return None
    if isinstance(value, list):
        return [_unwrap(inner, notes) for inner in value]
    if not isinstance(value, dict):
        return value
    match value.get(_SIGNATURE):
        case signature if signature == _SEALED:
            notes.add("secret")
            return _unwrap(value.get("value"), notes)
        case signature if signature == _OUTPUT:
            if value.get("secret"):
                notes.add("secret")
            if "value" not in value:
                notes.add("unknown")
            return _unwrap(value.get("value"), notes)
    return {key: _unwrap(inner, notes) for key, inner in value.items()}
