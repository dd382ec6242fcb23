"""JSON Schemas of the files people write, so that editors complete and check them."""

import json
from pathlib import Path

from pydantic import BaseModel

from fleet.catalogue import Isp
from fleet.spec.models import Environment

SCHEMAS: dict[str, type[BaseModel]] = {"environment": Environment, "isp": Isp}
SCHEMA_DIRECTORY = Path(__file__).parent


def schema_text(name: str) -> str:
    """The schema called `name` as stable JSON; KeyError when there is none."""
    model = SCHEMAS[name]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="validation"),
    }
    return json.dumps(schema, indent=2) + "\n"


def write_schemas(directory: Path = SCHEMA_DIRECTORY) -> list[Path]:
    """Writes `NAME.json` for each schema; returns the paths."""
    written = []
    for name in SCHEMAS:
        path = directory / f"{name}.json"
        path.write_text(schema_text(name))
        written.append(path)
    return written
