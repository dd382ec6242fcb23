"""Loads the node's tool, which is a program and no package, and makes bundles for it."""

import importlib
import json
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.configure.prepare import TOOL, tool_members

PROJECT = Path(__file__).parents[2]


def load_part(name: str) -> ModuleType:
    """The module `mtafleet_NAME` of the tool; its neighbours are found as in a bundle."""
    beside = str(PROJECT / TOOL.parent)
    if beside not in sys.path:
        sys.path.append(beside)
    return importlib.import_module(f"mtafleet_{name}")


def file(path: str, content: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "kind": "file", "content": content, **more}


def write_bundle(
    bundle: Path,
    role: str,
    entries: list[dict[str, Any]],
    validate: list[list[str]] | None = None,
    actions: list[dict[str, Any]] | None = None,
) -> None:
    contents = {one["path"]: one["content"].encode() for one in entries if one["kind"] == "file"}
    plain = [{key: value for key, value in one.items() if key != "content"} for one in entries]
    for one in plain:
        if one["kind"] == "file":
            one["sha256"] = sha256(contents[one["path"]]).hexdigest()
    index = {"entries": plain, "validate": validate or [], "actions": actions or []}
    members = {f"{role}/tree.json": json.dumps(index).encode()}
    members |= {f"{role}/files{path}": content for path, content in contents.items()}
    members |= tool_members(PROJECT)
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
