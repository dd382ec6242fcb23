"""The reference manual of the files people write, made from the same models that check them."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def reference_text(model: type[BaseModel], title: str, introduction: str) -> str:
    """A Markdown page with every key of `model` and of the models inside it."""
    schema = model.model_json_schema(mode="validation")
    parts = schema.get("$defs", {})
    lines = [f"# {title}", "", introduction.strip(), ""]
    for heading, part in _sections(schema, parts):
        lines += [
            f"## {heading}",
            "",
            *_paragraph(part),
            "| key | value | default | meaning |",
            "|---|---|---|---|",
        ]
        required = set(part.get("required", ()))
        for key, value in part["properties"].items():
            default = "required" if key in required else _default(value)
            meaning = value.get("description") or _referred(value, parts).get("description", "")
            lines.append(f"| `{key}` | {_kind(value, parts)} | {default} | {_one_line(meaning)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _sections(
    schema: dict[str, Any], parts: dict[str, Any], path: str = "", seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The mappings of the file in the order a reader meets them, each with the way to it.

    `*` in a path stands for several keys whose values have the same shape, `NAME` for any name.
    """
    yield (f"`{path}`" if path else "Top level"), schema
    described: set[str] = set()
    for key, value in schema["properties"].items():
        part = _referred(value, parts)
        title = part.get("title", "")
        if "properties" not in part or title in seen | described:
            continue
        described.add(title)
        alike = [one for one in schema["properties"].values() if _referred(one, parts) is part]
        step = key if len(alike) == 1 else "*"
        below = f"{path}.{step}".lstrip(".") + (".NAME" if _each(value) else "[]" if "items" in value else "")
        yield from _sections(part, parts, below, seen | described)


def _each(value: dict[str, Any]) -> dict[str, Any]:
    """The schema of each value of a mapping whose keys are names; {} when it is no such mapping."""
    for found in (value.get("additionalProperties"), *value.get("patternProperties", {}).values()):
        if isinstance(found, dict):
            return found
    return {}


def _referred(value: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """The model that a value, or each value of a mapping, refers to; {} when it is a plain one."""
    for candidate in (value, _each(value), value.get("items", {}), *value.get("anyOf", ())):
        if "$ref" in candidate:
            found: dict[str, Any] = parts[candidate["$ref"].rpartition("/")[2]]
            return found
    return {}


def _kind(value: dict[str, Any], parts: dict[str, Any]) -> str:
    """What may stand there, in words."""
    choices = [one for one in value.get("anyOf", ()) if one.get("type") != "null"]
    words = "mapping"
    if choices:
        words = " or ".join(_kind(one, parts) for one in choices)
    elif "enum" in _referred(value, parts) and "$ref" in value:
        words = _kind(_referred(value, parts), parts)
    elif "enum" in value:
        words = ", ".join(f"`{one}`" for one in value["enum"])
    elif "const" in value:
        words = f"`{value['const']}`"
    elif value.get("type") == "array":
        words = f"list of {_kind(value['items'], parts)}"
    elif _each(value):
        words = f"`NAME:` {_kind(_each(value), parts)}"
    elif "$ref" not in value and value.get("type") != "object":
        words = _scalar(value)
    return words


def _scalar(value: dict[str, Any]) -> str:
    names = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}
    formats = {"ipv4": "IPv4 address", "ipv4network": "IPv4 network", "date": "date"}
    text = formats.get(value.get("format", ""), names[value["type"]])
    low, high = value.get("minimum"), value.get("maximum")
    if low is not None and high is not None:
        return f"{text}, {low} to {high}"
    return f"{text}, at least {low}" if low is not None else text


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default is None or default == "":
        return "none"
    if isinstance(default, dict):
        return "see below" if default else "empty"
    if isinstance(default, list):
        return "empty" if not default else ", ".join(map(str, default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _paragraph(part: dict[str, Any]) -> list[str]:
    text = part.get("description", "")
    return [" ".join(text.split()), ""] if text else []


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
