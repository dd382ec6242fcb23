"""Whether the program that reads a file could parse it, as far as that can be told on any machine.

Programs of a node judge their own files there (`validate` in tree.yaml). Here only such kinds are looked at
as need nothing installed, or a shell that is there anyway.
"""

import json
import shutil
import subprocess
from functools import cache
from pathlib import PurePosixPath

SHELL_TIMEOUT_SECONDS = 120


def syntax_problem(path: str, content: bytes) -> str:
    """What is wrong with a file, in a few words that quote none of it; empty when nothing is known to be."""
    if PurePosixPath(path).suffix == ".json":
        return _json_problem(content)
    interpreter = _interpreter(content)
    if interpreter == "python3":
        return _python_problem(content)
    if interpreter == "sh":
        return _shell_problem(content)
    return ""


def _interpreter(content: bytes) -> str:
    """The program that a script's first line names; empty for everything else."""
    first = content.partition(b"\n")[0]
    words = first.removeprefix(b"#!").split() if first.startswith(b"#!") else []
    return PurePosixPath(words[0].decode()).name if words else ""


def _json_problem(content: bytes) -> str:
    try:
        json.loads(content)
    except ValueError as error:
        line = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        return f"not JSON{line}"
    return ""


@cache
def _python_problem(content: bytes) -> str:
    try:
        compile(content, "script", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return f"not Python{line}"
    return ""


@cache
def _shell_problem(content: bytes) -> str:
    shell = shutil.which("sh")
    if shell is None:
        return ""
    done = subprocess.run(
        [shell, "-n"], input=content, capture_output=True, timeout=SHELL_TIMEOUT_SECONDS, check=False
    )
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return f"not a shell script: {said[0] if said else f'exit status {done.returncode}'}"
