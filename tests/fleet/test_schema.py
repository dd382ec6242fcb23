import json

import pytest

from fleet.schema import SCHEMA_DIRECTORY, SCHEMAS, schema_text


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_shipped_schema_is_that_of_the_model(name: str) -> None:
    shipped = (SCHEMA_DIRECTORY / f"{name}.json").read_text()
    assert shipped == schema_text(name), "run `mtafleet schema --write`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_explains_itself_to_an_editor(name: str) -> None:
    schema = json.loads(schema_text(name))
    parts = schema["$defs"]
    for part in (schema, *parts.values()):
        for key, value in part.get("properties", {}).items():
            referred = parts.get(value.get("$ref", "").rpartition("/")[2], {})
            assert "description" in value or "description" in referred, f"{part.get('title')}.{key}"
