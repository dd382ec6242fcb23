"""Serves the real resource kinds of the lab over a `FakeComputer` in the folder `$MTAFLEET_FAKE_LAB`."""

import os
from pathlib import Path

from lab.provider.__main__ import KINDS
from providerkit.serve import serve
from tests.infra.fakelab.setup import install

if __name__ == "__main__":
    install(Path(os.environ["MTAFLEET_FAKE_LAB"]))
    serve("mtalab", "0.1.0", KINDS)
