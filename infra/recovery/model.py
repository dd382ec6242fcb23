"""What a killed run left unfinished, what AWS shows of it, and what is to become of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fleet.errors import MtafleetError

Values = Mapping[str, Any]
Fate = Literal["adopt", "forget", "read", "leave", "doubtful"]
FATES: tuple[Fate, ...] = ("doubtful", "leave", "adopt", "forget", "read")
"""What wants attention comes first."""
PLANNED = "planned"
"""The operation of a creation that a plan would begin; the engine itself knows no such word."""


class RecoveryError(MtafleetError):
    """What a killed run left cannot be taken up without its operator."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation that the engine began and never saw the end of.

    `operation` is the engine's word (`creating`, `updating`, `deleting`...) or PLANNED; `inputs` are those of
    the resource as the state has them, secret ones encrypted; `region` is AWS's, "" for other providers'
    things; `provider` refers to the provider as the engine does, `URN::ID`.
    """

    urn: str
    operation: str
    inputs: Values = field(default_factory=dict, repr=False)
    region: str = ""
    provider: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Tells it from every other operation: one resource may be begun anew and deleted at once."""
        return self.urn, self.operation

    @property
    def type(self) -> str:
        """The resource's own type, such as `aws:ec2/eip:Eip`."""
        return self.urn.split("::", 3)[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        return self.urn.split("::", 3)[3]

    @property
    def creates(self) -> bool:
        return self.operation in {"creating", PLANNED}

    @property
    def of_aws(self) -> bool:
        return self.type.startswith("aws:")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in AWS that may be what a pending creation made.

    `id` is the one the AWS provider gives such a resource. `tags` is None where tags prove nothing.
    `differs` says, in words, in what it is not what was asked for.
    """

    id: str
    tags: Mapping[str, str] | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a pending operation, and why.

    `adopt`: it is `id` in AWS and enters the state. `forget`: the next run makes it. `read`: the state has it
    and reads it anew. `leave`: it stays pending, its region is left out. `doubtful`: for the operator
    to say, with the `candidates`.
    """

    pending: Pending
    fate: Fate
    why: str
    id: str = ""
    candidates: tuple[Candidate, ...] = ()
