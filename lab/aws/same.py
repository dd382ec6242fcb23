"""Whether what was found is what was asked for, by the declared type of the property."""

import json
from collections import Counter

from lab.aws.signatures import ListOf, ObjectOf, Type
from providerkit.values import Json


def same(
    declared: Type, actual: Json, wanted: Json, *, unordered: bool = False, document: bool = False
) -> bool:
    """Compare a property's state with its input.

    Of a nested object only the fields that were asked for count: AWS fills in others. Nothing asked for
    equals nothing found, however that is written.
    """
    if wanted is None or actual is None:
        return _empty(actual) and _empty(wanted)
    if document:
        return bool(_parsed(actual) == _parsed(wanted))
    return _alike(declared, actual, wanted, unordered=unordered)


def _alike(declared: Type, actual: Json, wanted: Json, *, unordered: bool) -> bool:
    match declared:
        case ObjectOf():
            fields = declared.fields()
            return isinstance(actual, dict) and all(
                name in fields and same(fields[name].type, actual.get(name), value)
                for name, value in wanted.items()
            )
        case ListOf(element) if isinstance(actual, list) and len(actual) == len(wanted):
            if unordered and not isinstance(element, ObjectOf):
                return Counter(actual) == Counter(wanted)
            if unordered:
                return _pair_off(element, actual, wanted)
            return all(same(element, one, other) for one, other in zip(actual, wanted, strict=True))
    return bool(actual == wanted)


def _pair_off(element: Type, actual: list[Json], wanted: list[Json]) -> bool:
    """Find for each wanted element one of its own among the actual ones."""
    left = list(actual)
    for one in wanted:
        match = next((other for other in left if same(element, other, one)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _empty(value: Json) -> bool:
    return value is None or value in ("", [], {})


def _parsed(value: Json) -> Json:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
