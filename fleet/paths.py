"""Where this checkout keeps things on the operator's machine.

Nothing a run writes may show in `git status`: per-checkout state goes to `.mtafleet/` (ignored by git),
what several checkouts can share goes to the cache.
"""

import os
from pathlib import Path

__all__ = ["cache_directory", "project_root", "state_directory"]


def project_root() -> Path:
    """The checkout this code runs from (absolute, symbolic links resolved)."""
    return Path(__file__).resolve().parents[1]


def state_directory(environment: str) -> Path:
    """`<project>/.mtafleet/<environment>`: Pulumi state, passphrase, reports, ledgers. May not exist yet."""
    return project_root() / ".mtafleet" / environment


def cache_directory() -> Path:
    """`$MTAFLEET_CACHE`, or `~/.cache/mtafleet`: engine, images, wheels. May not exist yet."""
    configured = os.environ.get("MTAFLEET_CACHE")
    return Path(configured).absolute() if configured else Path.home() / ".cache" / "mtafleet"
