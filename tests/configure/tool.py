"""Loads the node's tool, which is a program and no package, and makes bundles for it."""

import importlib.util
import json
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

TOOL_PATH = Path(__file__).parents[2] / "roles" / "base" / "files" / "mtafleet_tree.py"


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mtafleet_tree", TOOL_PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mtafleet_tree"] = module
    spec.loader.exec_module(module)
    return module


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
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
