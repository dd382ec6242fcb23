"""JSON Schemas and reference pages of the files people write, made from the models that check them."""

import json
from pathlib import Path

from pydantic import BaseModel

from fleet.catalogue import Isp
from fleet.paths import project_root
from fleet.schema.reference import reference_text
from fleet.spec.models import Environment

SCHEMAS: dict[str, type[BaseModel]] = {"environment": Environment, "isp": Isp}
SCHEMA_DIRECTORY = Path(__file__).parent

_INTRODUCTIONS = {
    "environment": (
        "The environment file",
        """
`environments/NAME.yaml` says what a fleet should be; everything else follows from it. Names of machines,
regions, pools and users have 1 to 32 lower-case letters, digits and hyphens and begin with a letter.
Unknown and duplicate keys, YAML anchors and tags are refused. `mtafleet check` judges a file, with the
line and a remedy for everything it finds, and an editor with a YAML language server completes keys from
`fleet/schema/environment.json` (`mtafleet schema`).

This page is made from the models that check the file: `mtafleet schema --write`.
""",
    ),
    "isp": (
        "An entry of the ISP catalogue",
        """
`fleet/isps/NAME.yaml` holds what one mailbox provider allows and demands; `default.yaml` stands for all
others. Limits hold for one sending address, by its standing: fresh, warming, established. Each figure
names its source. A figure may not fall as the standing of an address rises.

This page is made from the models that check the file: `mtafleet schema --write`.
""",
    ),
}


def schema_text(name: str) -> str:
    """The schema called `name` as stable JSON; KeyError when there is none."""
    model = SCHEMAS[name]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="validation"),
    }
    return json.dumps(schema, indent=2) + "\n"


def page_text(name: str) -> str:
    """The reference page of the file called `name`, in Markdown; KeyError when there is none."""
    title, introduction = _INTRODUCTIONS[name]
    return reference_text(SCHEMAS[name], title, introduction)


def page_path(name: str) -> Path:
    """Where the page stands in the checkout."""
    return project_root() / "docs" / "reference" / f"{name}.md"


def write_schemas() -> list[Path]:
    """Writes each schema and, in a checkout, its reference page; returns the paths."""
    written = []
    for name in SCHEMAS:
        texts = {SCHEMA_DIRECTORY / f"{name}.json": schema_text(name)}
        if page_path(name).parents[1].is_dir():
            texts[page_path(name)] = page_text(name)
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(path)
    return written
