"""Taking up a run on AWS that was killed, before the next one: its lock, its processes, what it had begun."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli.maintenance.records import record
from cli.recovery_options import Consent
from fleet.paths import state_directory
from infra.aws_stack import AwsStack
from infra.engine.leftovers import remove_torn_attributes
from infra.recovery.account import Account
from infra.recovery.chosen import LeftOut
from infra.recovery.files import apply, with_left
from infra.recovery.locks import Lock, drop, locks_of
from infra.recovery.lookup import verdicts
from infra.recovery.model import FATES, RecoveryError, Verdict
from infra.recovery.planned import makes_silently, of_lost_state, strays, with_planned
from infra.recovery.runs import Run, end_remains, noted
from infra.recovery.settling import unsettled_after_a_bad_end
from infra.recovery.state import urns_in
from infra.recovery.stores import folder_of

_LOST = (
    "The account has this fleet, and this state does not know it. When the state is in another backend than "
    "{}, go there; when an older version of it is left, put that back first: keys for DKIM and passwords are "
    "nowhere else. When it is lost for good, --adopt-lost takes up all that bears exactly the fleet's tags. "
)


_WHOLE = (
    "A state that was lost is taken up whole or not at all: records, policies and the machines' stack take "
    "every region's addresses together. Machines need no state: mail goes on. Put an older version of the "
    "state back (docs/aws.md), or run the same when the region's API answers. When the region is lost for "
    "good, take it out of the environment file; should it return, put it back there, and run the same again"
)


@dataclass(frozen=True)
class Unfinished:
    """What a killed run has left in a stack's state, and what becomes of it."""

    stack: AwsStack
    document: Mapping[str, Any] = field(repr=False)
    verdicts: tuple[Verdict, ...] = ()
    assumed: Mapping[str, Any] | None = field(default=None, repr=False)
    """The state with more pending than it says, where that is so."""

    @property
    def doubtful(self) -> list[Verdict]:
        return [one for one in self.verdicts if one.fate == "doubtful"]


def run_file(stack: AwsStack) -> Path:
    """Where this computer notes that it runs the engine on the stack."""
    return state_directory(stack.environment.environment) / "runs" / f"{stack.name}.json"


def left_file(stack: AwsStack) -> Path:
    """Where this computer notes what is pending in regions that were left out."""
    return state_directory(stack.environment.environment) / "left" / f"{stack.name}.json"


def free(stack: AwsStack, consent: Consent) -> None:
    """Make sure that nobody else is at work on the stack, and end what a run of ours that was killed left.

    RecoveryError for a lock that is held, or whose holder is not known to be dead and not to be broken.
    """
    ours = noted(run_file(stack))
    if ours is not None and not ours.here:  # a home shared between computers: the other one's run is its own
        ours = None
    locks = locks_of(stack.backend, stack.project_name, stack.name)
    for lock in locks:
        _judge(stack, lock, ours, consent)
    if ours is not None and not Lock(ours.process, "", ours.computer, "").at_work:
        count = end_remains(ours)
        if count:
            click.echo(f"ended {count} processes that a killed run on {stack.name} had left", err=True)
    _mend_attributes(stack)
    if locks:
        held = ", ".join(map(str, locks))
        click.echo(f"breaking the lock of a killed run on {stack.name}: {held}", err=True)
        drop(stack.backend, locks)
        record(stack.environment.environment, "up", stack.name, "lock broken", held_by=held)
        _refuse_newcomers(stack)
    if ours is not None:
        ours.ended()


def _refuse_newcomers(stack: AwsStack) -> None:
    """RecoveryError when somebody began while locks were judged: theirs was left alone."""
    for lock in locks_of(stack.backend, stack.project_name, stack.name):
        raise RecoveryError(f"{lock} has locked {stack.name} meanwhile: wait until that run has ended")


def _judge(stack: AwsStack, lock: Lock, ours: Run | None, consent: Consent) -> None:
    if lock.at_work:
        raise RecoveryError(f"{lock} is at work on {stack.name}, on this computer: wait until it has ended")
    known = lock.here and ours is not None and (ours.process, ours.computer) == (lock.process, lock.computer)
    if known or consent.take_over:
        return
    where = "that process is not there any more" if lock.here else "another computer, perhaps still at work"
    raise RecoveryError(
        f"{stack.name} is locked by {lock}: {where}. Nothing was changed. Ask who that is; when nobody is at "
        "work, say so with --take-over, which breaks the lock and takes up what was left"
    )


def _mend_attributes(stack: AwsStack) -> None:
    """A state in files may have been cut short beside: see `infra.engine.leftovers`."""
    backend = stack.backend
    if backend.startswith("file:"):
        remove_torn_attributes(folder_of(backend) / ".pulumi" / "stacks", stack.name)


def look(stack: AwsStack, consent: Consent | None = None) -> Unfinished | None:
    """What a killed run left in the state; None when nothing is pending. Only reads, AWS included."""
    document = stack.exported()
    if document is None:
        return None
    assumed = with_left(document, left_file(stack))
    if not assumed["deployment"].get("pending_operations"):
        return None
    click.echo(f"A run on {stack.name} was killed; asking AWS what it has made.", err=True)
    chosen = (consent or Consent()).chosen
    found = verdicts(assumed, _account_number(stack), Account(), chosen, _settle)
    return Unfinished(stack, document, found, assumed)


def _account_number(stack: AwsStack) -> str:
    aws = stack.environment.aws
    assert aws is not None  # noqa: S101 - narrows the type: AwsStack is of an environment on AWS
    return aws.account


def _settle(seconds: float, because: str = "") -> None:
    click.echo(f"{because}waiting {seconds:.0f} s, AWS may not show yet what was asked for last.", err=True)
    time.sleep(seconds)


def show(unfinished: Unfinished) -> None:
    """A line for each pending operation on stderr, what wants attention first."""
    for fate in FATES:
        for one in unfinished.verdicts:
            if one.fate == fate:
                click.echo(f"  {fate:8} {one.pending.type} {one.pending.name}: {one.why}", err=True)
                for candidate in one.candidates:
                    tags = ", ".join(
                        f"{key}={value}" for key, value in sorted((candidate.tags or {}).items())
                    )
                    differs = "; ".join(candidate.differs)
                    click.echo(f"           {candidate.id}  {tags}  {differs}".rstrip(), err=True)


def refuse_doubtful(unfinished: Unfinished) -> None:
    """RecoveryError with the remedy when it is not plain what the killed run has made."""
    if unfinished.doubtful:
        urns = "\n".join(f"  {one.pending.urn}" for one in unfinished.doubtful)
        lost = _LOST.format(unfinished.stack.backend) if of_lost_state(unfinished.doubtful) else ""
        raise RecoveryError(
            f"what earlier runs made for {unfinished.stack.name} is not plain, nothing was changed:\n{urns}\n"
            f"{lost}Look at the list above and at AWS, then say of each --adopt URN=ID, or --forget URN if "
            "none is it: the next run then makes another"
        )


def carry_out(unfinished: Unfinished, command: str) -> frozenset[str]:
    """Write the verdicts into the state and the environment's log; the URNs that were adopted."""
    refuse_doubtful(unfinished)
    left = left_file(unfinished.stack)
    apply(unfinished.stack, unfinished.document, unfinished.verdicts, left, unfinished.assumed)
    by_fate = {
        fate: {one.pending.urn: one.id for one in unfinished.verdicts if one.fate == fate} for fate in FATES
    }
    stack = unfinished.stack
    record(
        stack.environment.environment,
        command,
        stack.name,
        "killed run taken up",
        adopted=by_fate["adopt"],
        forgotten=sorted(by_fate["forget"]),
        read_anew=sorted(by_fate["read"]),
        left_pending=sorted(by_fate["leave"]),
    )
    click.echo(f"Taken up; `mtafleet {command}` goes on.", err=True)
    return frozenset(by_fate["adopt"])


def take_up(stack: AwsStack, consent: Consent, command: str) -> frozenset[str]:
    """Finish or undo what a killed run left, as far as the state goes; the URNs that were adopted."""
    free(stack, consent)
    unfinished = look(stack, consent)
    if unfinished is None:
        return frozenset()
    show(unfinished)
    if all(one.fate == "leave" for one in unfinished.verdicts):
        return frozenset()
    return carry_out(unfinished, command)


def take_up_strays(stack: AwsStack, plan: Path, consent: Consent) -> frozenset[str]:
    """Adopt what a saved plan would make although AWS has it; the URNs, none when the plan may stand.

    What was adopted makes the plan stale, and a new one may show more of it.
    """
    document = stack.exported()
    try:
        planned = json.loads(plan.read_text(encoding="utf-8") or "{}")
    except ValueError:
        raise RecoveryError("the engine's saved plan cannot be read: run it again") from None
    if document is None:
        return frozenset()
    assumed = with_planned(with_left(document, left_file(stack)), planned, consent.chosen)
    look_again = partial(strays, document, assumed, _account_number(stack), Account(), consent.chosen)
    try:
        found = look_again()
    except RecoveryError as error:
        if not consent.chosen.lost:
            raise
        raise RecoveryError(f"{str(error).splitlines()[0]}\nNothing was changed. {_WHOLE}") from error
    if not found and makes_silently(assumed, consent.chosen):
        seconds = unsettled_after_a_bad_end(stack, document)
        if seconds > 0:
            _settle(seconds, f"The last run on {stack.name} did not end well: ")
            found = look_again()
    if not found:
        return frozenset()
    click.echo(f"AWS has what the state of {stack.name} does not know.", err=True)
    unfinished = Unfinished(stack, document, found, assumed)
    show(unfinished)
    return carry_out(unfinished, "up")


def refuse_in_part(consent: Consent) -> None:
    """RecoveryError when a lost state is to be taken up without a part of the fleet."""
    left_out = consent.chosen.left_out
    if consent.chosen.lost and (left_out.regions or left_out.patterns):
        named = ", ".join(sorted({*left_out.regions, *left_out.patterns}))
        raise RecoveryError(f"--adopt-lost cannot leave out {named}. Nothing was changed. {_WHOLE}")


def refuse_unused(stack: AwsStack, consent: Consent, adopted: Collection[str]) -> None:
    """RecoveryError when what the operator named was neither adopted now nor by an earlier run."""
    unused = consent.chosen.adopts() - set(adopted)
    if unused:
        resources = (stack.exported() or {"deployment": {}})["deployment"].get("resources") or ()
        unused -= {one["urn"] for one in resources if one.get("id") == consent.chosen.ids.get(one["urn"])}
    if unused:
        listed = "\n".join(f"  {urn}" for urn in sorted(unused))
        raise RecoveryError(
            f"nothing is pending and nothing would be made under what --adopt names:\n{listed}\n"
            "Nothing more was changed: see `pulumi preview --show-sames` or the list above for the URN"
        )


def exclusions(stack: AwsStack, left_out: LeftOut) -> list[str]:
    """The engine's arguments that leave regions out, with all that depends on them.

    RecoveryError when the stack has nothing there.
    """
    document = stack.exported() if left_out.regions else None
    found: list[str] = []
    for name in sorted(left_out.regions):
        urns = urns_in(document or {"deployment": {}}, name)
        if not urns:
            raise RecoveryError(f"--without {name}: {stack.name} has nothing there yet")
        found += [f"--exclude={urn}" for urn in urns]
    return [*found, "--exclude-dependents"] if found else []


def announce(stack: AwsStack, left_out: LeftOut) -> Unfinished | None:
    """Say what a killed run has left and what `up` would make of it, changing nothing."""
    for lock in locks_of(stack.backend, stack.project_name, stack.name):
        click.echo(f"{stack.name} is locked by {lock}: `up` waits for that, or see --take-over.", err=True)
    unfinished = look(stack, Consent().leaving_out(left_out))
    if unfinished is not None:
        show(unfinished)
        name = stack.environment.environment
        click.echo(
            f"`mtafleet up {name} --part {stack.part}` takes that up first; the plan counts it as new.",
            err=True,
        )
    return unfinished
