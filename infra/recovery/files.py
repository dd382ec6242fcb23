"""Carrying the verdicts out: the state is read, rewritten and put back in one piece."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.aws_stack import AwsStack
from infra.recovery.model import RecoveryError, Verdict
from infra.recovery.state import taken_up, with_pending


def with_left(document: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """The state with what `apply` noted in `file`, as if it were pending there still."""
    try:
        return with_pending(document, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return document
    except (ValueError, KeyError, TypeError):
        raise RecoveryError(f"{file}, which notes what runs left pending, cannot be read") from None


def apply(
    stack: AwsStack,
    looked_at: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    left: Path,
    assumed: Mapping[str, Any] | None = None,
) -> None:
    """Put the state back with every verdict carried out, on what is `assumed` of it if that is more.

    What is to stay pending is noted in the file `left`: the engine takes no state with anything pending.
    RecoveryError, and nothing is written, when the state has changed since it was looked at.
    """
    fresh = taken_up(assumed or looked_at, verdicts)
    pending = fresh["deployment"].get("pending_operations") or []
    if stack.exported() != looked_at:
        raise RecoveryError(
            f"the state of {stack.name} was changed by someone else meanwhile, nothing was written: "
            "run it again"
        )
    if pending:
        _write(left, pending)
    with TemporaryDirectory(prefix="mtafleet-state-") as folder:
        file = Path(folder) / "state.json"
        file.write_text(json.dumps(fresh), encoding="utf-8")
        stack.call(["stack", "import", "--file", str(file)])
    if not pending:
        left.unlink(missing_ok=True)


def _write(file: Path, operations: Sequence[Mapping[str, Any]]) -> None:
    """For this user's eyes: they tell what resources are made of."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(".new")
    fresh.touch(0o600)
    fresh.write_text(json.dumps(operations), encoding="utf-8")
    fresh.replace(file)
