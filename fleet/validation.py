"""Checks a document against a model and turns each mismatch into a problem with a remedy."""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fleet.document import Document
from fleet.problems import KeyPath, Problem

_PYDANTIC_KEY_MARK = "[key]"

_EXPECTED = {
    "string_type": ("text", "Write text, in quotes if it looks like a number or a truth value."),
    "int_type": ("a whole number", "Write digits only, without quotes or unit."),
    "int_parsing": ("a whole number", "Write digits only, without quotes or unit."),
    "int_from_float": ("a whole number", "Write digits only, without a decimal point."),
    "float_type": ("a number", "Write digits, without quotes or unit."),
    "bool_type": ("`true` or `false`", "Write `true` or `false` without quotes."),
    "list_type": ("a list", "Write the values in brackets, separated by commas: `[one, two]`."),
    "dict_type": ("a mapping", "Write `key: value` lines, indented below this key."),
    "model_type": ("a mapping", "Write `key: value` lines, indented below this key."),
    "model_attributes_type": ("a mapping", "Write `key: value` lines, indented below this key."),
    "ip_v4_address": ("an IPv4 address", "Write it like `198.51.100.11`."),
    "ip_v4_network": (
        "an IPv4 network",
        "Write it like `198.51.100.0/24`, with no bits set after the prefix.",
    ),
    "date_type": ("a date", "Write it like `2025-03-03`."),
    "date_parsing": ("a date", "Write it like `2025-03-03`."),
    "date_from_datetime_parsing": ("a date", "Write it like `2025-03-03`."),
    "date_from_datetime_inexact": ("a date without a time", "Write it like `2025-03-03`."),
    "finite_number": ("a finite number", "Write digits."),
}

_BOUNDS = {
    "greater_than_equal": ("below the least allowed", "at least", "ge"),
    "less_than_equal": ("above the most allowed", "at most", "le"),
    "greater_than": ("too small", "more than", "gt"),
    "less_than": ("too large", "less than", "lt"),
}


def validate(
    model: type[BaseModel], document: Document, pattern_remedies: Mapping[str, tuple[str, str]]
) -> tuple[Any, list[Problem]]:
    """`(instance, [])` when `document` fits `model`, else `(None, problems)`.

    `pattern_remedies` says of a regular expression used in the model what it stands for and how
    to write such a value. Values are taken strictly: `"2"` is no number.
    """
    try:
        # Through JSON, for there pydantic's strict mode still reads addresses and dates from text.
        instance = model.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        return None, [_problem(model, document, one, pattern_remedies) for one in error.errors()]
    return instance, []


def _problem(
    model: type[BaseModel],
    document: Document,
    error: ErrorDetails,
    pattern_remedies: Mapping[str, tuple[str, str]],
) -> Problem:
    path = tuple(part for part in error["loc"] if part != _PYDANTIC_KEY_MARK)
    # A key that fails is reported with its text as input; a value with the value.
    what, remedy = _words(model, path, error, pattern_remedies)
    return document.problem(path, what, remedy)


def _words(
    model: type[BaseModel],
    path: KeyPath,
    error: ErrorDetails,
    pattern_remedies: Mapping[str, tuple[str, str]],
) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    kind, context = _kind(error), error.get("ctx", {})
    shown = _shown(error["input"])
    words = error["msg"], "Correct the value."
    if kind == "missing":
        words = "this key is missing", f"Add `{path[-1]}:`. {_description(model, path)}".rstrip()
    elif kind == "extra_forbidden":
        words = "there is no such key here", _known_keys_remedy(model, path)
    elif kind in ("literal_error", "enum"):
        words = f"{shown} is not a choice", _choice_remedy(str(error["input"]), str(context["expected"]))
    elif kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        noun, remedy = pattern_remedies.get(pattern, ("well-formed", f"It must match {pattern}."))
        words = f"{shown} is not {noun}", remedy
    elif kind in _BOUNDS:
        relation, choice, key = _BOUNDS[kind]
        words = f"{shown} is {relation}", f"Choose {choice} {context[key]}."
    elif kind == "too_short":
        words = "there is nothing in it", f"Give at least {context['min_length']}."
    elif kind in ("too_long", "string_too_long"):
        words = f"it is longer than {context['max_length']}", f"At most {context['max_length']} are possible."
    elif kind in _EXPECTED:
        noun, remedy = _EXPECTED[kind]
        words = f"{shown} is not {noun}", remedy
    return words


def _kind(error: ErrorDetails) -> str:
    """The error's type; the standard library's address classes complain with a bare ValueError."""
    if error["type"] == "value_error" and isinstance(error["ctx"]["error"], ValueError):
        return "ip_v4_network" if "/" in str(error["input"]) else "ip_v4_address"
    return error["type"]


def _shown(value: object) -> str:
    if value is None:
        return "an empty value"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value) if not isinstance(value, str) else value
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def suggestion(word: str, known: list[str]) -> str:
    """`Did you mean ...?`, or the list of what is known."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean `{close[0]}`?"
    return "Known here: " + ", ".join(f"`{one}`" for one in known) + "." if known else "Remove it."


def _known_keys_remedy(model: type[BaseModel], path: KeyPath) -> str:
    parents = list(_models_at(model, path[:-1]))
    known = [name for parent in parents for name in parent.model_fields]
    return suggestion(str(path[-1]), known)


def _choice_remedy(given: str, expected: str) -> str:
    choices = [one.strip().strip("'") for one in expected.replace(" or ", ", ").split(",")]
    return suggestion(given, choices) if len(choices) > 1 else f"Write `{choices[0]}`."


def _description(model: type[BaseModel], path: KeyPath) -> str:
    for parent in _models_at(model, path[:-1]):
        field = parent.model_fields.get(str(path[-1]))
        if field is not None and field.description:
            return " ".join(field.description.split())
    return ""


def _models_at(annotation: Any, path: KeyPath) -> Iterator[type[BaseModel]]:
    """The models that may stand at `path` below a value of type `annotation`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _models_at(get_args(annotation)[0], path)
    elif origin in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _models_at(choice, path)
    elif origin in (dict, list, tuple):
        if path:
            position = -1 if origin is dict else 0
            yield from _models_at(get_args(annotation)[position], path[1:])
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            yield annotation
        elif path[0] in annotation.model_fields:
            yield from _models_at(annotation.model_fields[str(path[0])].annotation, path[1:])
