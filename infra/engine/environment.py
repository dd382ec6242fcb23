"""The process environment in which the Pulumi engine works on one of our stacks.

A stack of a lab keeps its state, its passphrase and the engine's own files under `<project>/.mtafleet/`, so
nothing outside the checkout changes. Any other stack keeps the backend, the secrets and the plugins that its
operator has chosen: only the engine and our own provider are put on PATH.
"""

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fleet.paths import cache_directory, project_root, state_directory
from infra.engine.errors import EngineError
from infra.engine.locate import Engine, require_engine

__all__ = ["engine_environment", "environment_apart", "passphrase_file", "search_path"]

FLEET_PROVIDER = "infra/provider"
LAB_PROVIDER = "lab/provider"
"""Directories with the executables of our own resource providers, relative to the project."""

Substrate = Literal["lab", "aws"]


def passphrase_file(environment: str) -> Path:
    """The file whose passphrase encrypts the stack's secrets; made once, readable by its owner only.

    Raises EngineError when the file is open to others: its secrets may have been read.
    """
    file = state_directory(environment) / "passphrase"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = file.stat().st_mode & 0o777
        if mode & 0o077:
            raise EngineError(
                f"{file} is readable by others (mode {mode:04o}): chmod 600 it, and destroy the stack "
                "if someone else may have read it"
            ) from None
        return file
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(32) + "\n")
    return file


def search_path(engine: Engine, inherited: str, providers: Sequence[str]) -> str:
    """PATH for the engine: the project's Python first (the built language host takes `python3` from there).

    Then the engine and our `providers`, then `inherited`, every directory once.
    """
    root = project_root()
    wanted = [Path(sys.prefix) / "bin", engine.directory, *(root / name for name in providers)]
    parts = [*(str(part) for part in wanted), *inherited.split(os.pathsep)]
    return os.pathsep.join(dict.fromkeys(part for part in parts if part))


def engine_environment(environment: str, substrate: Substrate = "lab") -> dict[str, str]:
    """Variables to lay over `os.environ` before running `pulumi` on a stack of the environment.

    For a lab, makes the state directory and the passphrase when they are missing. Elsewhere backend, secrets
    and plugins come from the operator's own surroundings. Raises EngineError without an engine.
    """
    engine = require_engine()
    if substrate != "lab":
        return {
            "PATH": search_path(engine, os.environ.get("PATH", ""), [FLEET_PROVIDER]),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "VIRTUAL_ENV": sys.prefix,
        }
    state = state_directory(environment)
    for directory in (state, state / "state", state / "pulumi"):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = search_path(engine, os.environ.get("PATH", ""), [FLEET_PROVIDER, LAB_PROVIDER])
    return _kept_apart(path, state / "state", state / "pulumi", passphrase_file(environment))


def environment_apart(folder: Path, providers: Sequence[str] = ()) -> dict[str, str]:
    """All variables of an engine that works in `folder` alone: its `backend`, `home` and `passphrase` there.

    Of the caller's own nothing comes along that would lead to another stack, account or plugin. `providers`
    are directories of executables, relative to the project. Raises EngineError without an engine.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
    path = search_path(require_engine(), os.environ.get("PATH", ""), providers)
    return {
        **kept,
        **_kept_apart(path, folder / "backend", folder / "home", folder / "passphrase"),
        # Every run starts several Pythons: what they compiled is kept, though a surrounding says otherwise.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(cache_directory() / "bytecode"),
    }


def _kept_apart(path: str, backend: Path, home: Path, passphrase: Path) -> dict[str, str]:
    return {
        "PATH": path,
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Our providers are in the checkout; never look for a plugin outside.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "VIRTUAL_ENV": sys.prefix,
    }
