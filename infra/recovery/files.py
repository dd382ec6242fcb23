"""Carrying the verdicts out: the state is read, rewritten and put back in one piece."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.aws_stack import AwsStack
from infra.recovery.model import RecoveryError, Verdict
from infra.recovery.state import taken_up


def apply(
    stack: AwsStack,
    looked_at: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    assumed: Mapping[str, Any] | None = None,
) -> None:
    """Put the state back with every verdict carried out, on what is `assumed` of it if that is more.

    RecoveryError, and nothing is written, when the state has changed since it was looked at.
    """
    fresh = taken_up(assumed or looked_at, verdicts)
    if stack.exported() != looked_at:
        raise RecoveryError(
            f"the state of {stack.name} was changed by someone else meanwhile, nothing was written: "
            "run it again"
        )
    with TemporaryDirectory(prefix="mtafleet-state-") as folder:
        file = Path(folder) / "state.json"
        file.write_text(json.dumps(fresh), encoding="utf-8")
        stack.call(["stack", "import", "--file", str(file)])
