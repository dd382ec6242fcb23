"""What all of the lab's resource kinds share: whose lab it is, ids, and the lab's errors as answers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from lab.errors import LabError
from lab.ids import LabPaths
from providerkit.kind import I, Inputs, Kind, ProviderError, matching

CHECKOUT = Path(__file__).resolve().parents[2]

Name = Annotated[
    str,
    matching(
        r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?",
        "a name of 1 to 32 lower-case letters, digits and hyphens that begins with a letter",
    ),
]
LabId = Annotated[
    str,
    matching(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?-[0-9a-f]{6}", "a lab's id, which reads like lab-0a1b2c"),
]

_ID = re.compile(r"^(?P<lab>[a-z][a-z0-9-]*-[0-9a-f]{6})/(?P<kind>[a-z]+)/(?P<name>[a-z0-9.-]+)$")


class InLab(Inputs):
    """Inputs of everything inside a lab; `lab` is the lab's id."""

    lab: LabId


class LabKind(Kind[I]):
    """A kind whose ids read `LAB/FOLDER/NAME`, so that any resource can be found by its id alone."""

    folder: str

    def id_of(self, lab: str, name: str) -> str:
        return f"{lab}/{self.folder}/{name}"

    def locate(self, identity: str) -> tuple[LabPaths, str]:
        """Return the lab and the name an id points at; ProviderError when it is malformed or not ours."""
        match = _ID.match(identity)
        if match is None or match["kind"] != self.folder:
            raise ProviderError(
                f"{identity}: not an id of {self.resource_type}; it reads LAB/{self.folder}/NAME, "
                f"for instance lab-0a1b2c/{self.folder}/NAME"
            )
        return paths_of(match["lab"]), match["name"]


def paths_of(lab: str) -> LabPaths:
    """Return where this checkout keeps `lab`; ProviderError when the id belongs to another checkout."""
    environment = lab.rpartition("-")[0]
    paths = LabPaths.of(environment, CHECKOUT)
    if paths.lab != lab:
        raise ProviderError(
            f"lab {lab} was made from another checkout (this one, {CHECKOUT}, would call it {paths.lab}); "
            "run Pulumi from there, or use a stack of your own"
        )
    return paths


@contextmanager
def lab_errors() -> Iterator[None]:
    """Report the lab's own errors as this operation's failure."""
    try:
        yield
    except LabError as error:
        raise ProviderError(str(error)) from error
