"""Schemas and reference pages are those of the models, and explain every key."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fleet.schema import SCHEMA_DIRECTORY, SCHEMAS, page_path, page_text, schema_text


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_shipped_schema_is_that_of_the_model(name: str) -> None:
    shipped = (SCHEMA_DIRECTORY / f"{name}.json").read_text()
    assert shipped == schema_text(name), "run `mtafleet schema --write`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_reference_page_is_that_of_the_model(name: str) -> None:
    assert page_path(name).read_text() == page_text(name), "run `mtafleet schema --write`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_explains_itself_to_an_editor(name: str) -> None:
    schema = json.loads(schema_text(name))
    for title, key, value in _keys(schema):
        referred = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
        assert "description" in value or "description" in referred, f"{title}.{key}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_is_in_the_reference(name: str) -> None:
    page = page_text(name)
    for _title, key, _value in _keys(json.loads(schema_text(name))):
        assert f"| `{key}` |" in page


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_cell_of_the_reference_is_empty(name: str) -> None:
    rows = [line for line in page_text(name).splitlines() if line.startswith("| `")]
    for row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "/").strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), row


def _keys(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for part in (schema, *schema["$defs"].values()):
        for key, value in part.get("properties", {}).items():
            yield str(part.get("title")), key, value
