"""The real resource kinds of the lab over a `FakeComputer` in the folder `$MTAFLEET_FAKE_LAB`."""

import os
from pathlib import Path

from lab.provider.kinds import KINDS
from tests.infra.fakelab.setup import install

__all__ = ["KINDS"]

install(Path(os.environ["MTAFLEET_FAKE_LAB"]))
