"""What an operator says beforehand of what earlier runs have left: options of `up`, `plan` and the like."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import click

from fleet.spec.models import Environment
from infra.recovery.chosen import Chosen, LeftOut
from infra.recovery.model import RecoveryError


@dataclass(frozen=True)
class Consent:
    """What the operator has said beforehand: that locks may be broken, and what doubtful things are."""

    take_over: bool = False
    chosen: Chosen = field(default_factory=Chosen)

    def leaving_out(self, left_out: LeftOut) -> "Consent":
        """The same, for a run that leaves something out."""
        return replace(self, chosen=replace(self.chosen, left_out=left_out))


_OPTIONS = (
    click.option("--forget", multiple=True, metavar="URN", help="On AWS: forget this pending creation."),
    click.option(
        "--adopt-lost",
        is_flag=True,
        help="On AWS: the state was lost; take up all that bears exactly this fleet's tags.",
    ),
    click.option(
        "--adopt-anyway", multiple=True, metavar="URN=ID", help="On AWS: --adopt what differs in some way."
    ),
    click.option(
        "--adopt", multiple=True, metavar="URN=ID", help="On AWS: what a pending creation has made."
    ),
    click.option("--take-over", is_flag=True, help="On AWS: break the lock of a run that is dead."),
)


_WORDS = ("take_over", "adopt", "adopt_anyway", "adopt_lost", "forget")


def recovery_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of commands that change a stack on AWS, given to `command` as `consent`."""

    @wraps(command)
    def with_consent(*given: Any, **named: Any) -> Any:
        words = {name: named.pop(name) for name in _WORDS}
        return command(*given, consent=consent_of(**words), **named)

    wrapped: Callable[..., Any] = with_consent
    for option in _OPTIONS:
        wrapped = option(wrapped)
    return wrapped


def consent_of(
    *,
    take_over: bool,
    adopt: tuple[str, ...],
    forget: tuple[str, ...],
    adopt_anyway: tuple[str, ...] = (),
    adopt_lost: bool = False,
) -> Consent:
    """Raises RecoveryError for what is not `URN=ID`."""
    ids: dict[str, str | None] = dict.fromkeys(forget)
    anyway = dict(_pair("--adopt-anyway", one) for one in adopt_anyway)
    ids |= dict(_pair("--adopt", one) for one in adopt) | anyway
    return Consent(take_over, Chosen(ids, frozenset(anyway), adopt_lost))


def _pair(option: str, text: str) -> tuple[str, str]:
    urn, separator, identity = text.rpartition("=")
    if not separator or not identity or not urn.startswith("urn:"):
        raise RecoveryError(f"{option} {text}: write URN=ID, the id as the AWS provider has it")
    return urn, identity


without_option = click.option(
    "--without",
    multiple=True,
    metavar="REGION",
    help="On AWS: leave a region out whose API is down, by its name in the file or by AWS's.",
)
"""Given to a command as `without`; see `left_out`."""


def left_out(environment: Environment, without: Sequence[str], arguments: Sequence[str]) -> LeftOut:
    """What a run leaves out, `--exclude` among the engine's `arguments` included.

    RecoveryError for a region that the environment does not have.
    """
    sites = {name: region.aws for name, region in environment.regions.items()}
    sites[environment.witness.site] = environment.witness.aws
    known = {*sites, *(place.region for place in sites.values() if place is not None)}
    for name in without:
        if environment.substrate != "aws" or name not in known:
            raise RecoveryError(
                f"--without {name}: {environment.environment} has no such region on AWS; it has "
                f"{', '.join(sorted(known))}"
            )
    return LeftOut.of(arguments, without)
