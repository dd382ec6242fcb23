"""Whether a plan may be applied: a pure judgement, the same for `mtafleet plan` and `mtafleet up`.

What took months to earn (addresses, zones, keys) or may hold mail (queue volumes) is never lost in passing,
and never more than one machine at a time goes.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from infra.plan.model import Change, Kind, Plan

MACHINE = "aws:ec2/instance:Instance"
ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment"
PRIVATE_KEY = "mtafleet:index:PrivateKey"
SHARED_SECRET = "mtafleet:index:SharedSecret"  # noqa: S105 - a type
MACHINE_COMPONENT = "mtafleet:aws:Machine"

KEPT = {
    "aws:ec2/eip:Eip": "address",
    "aws:ec2/eipDomainName:EipDomainName": "reverse name",
    "aws:route53/zone:Zone": "zone",
    "aws:kms/key:Key": "encryption key",
    "aws:ebs/volume:Volume": "queue volume",
    PRIVATE_KEY: "key",
    SHARED_SECRET: "shared secret",
}
"""What is never replaced or deleted in passing, with a word for it."""
WORDS = {
    **KEPT,
    "aws:s3/bucket:Bucket": "bucket for evidence",
    "mtafleet:index:Settings": "seal of the foundation",
}
"""For all that the program protects, which the engine refuses to lose."""
STOPS_A_MACHINE = frozenset({"instanceType", "userData", "userDataBase64"})
"""Inputs whose change in place stops and starts the machine."""
MOST_MACHINES = 1

_HOST_KEY = "host."
_PASSWORD = "user."  # noqa: S105 - how passwords' names begin


@dataclass(frozen=True, slots=True)
class Refusal:
    """What must not be done, and what to do instead."""

    what: str
    remedy: str


def refusals(plan: Plan, nodes: Collection[str], *, drop_nodes: bool = False) -> tuple[Refusal, ...]:
    """Why the plan must not be applied; empty when it may be.

    `nodes` are those of the environment file. With `drop_nodes` the machines of all others may go.
    """
    wanted = frozenset(nodes)
    return (
        *_lost_for_good(plan),
        *_lost_machines(plan, wanted, drop_nodes=drop_nodes),
    )


def _lost_for_good(plan: Plan) -> Iterator[Refusal]:
    renewed = frozenset(one.name for one in plan.changes if one.type == MACHINE and _is_lost(one))
    lost = {
        (change.urn, change.kind): None
        for change in sorted(plan.changes, key=lambda one: one.urn)
        if _is_lost(change) and change.type in KEPT and not _may_go(change, renewed)
    }
    lost |= {(one.urn, one.kind): None for one in plan.protected}
    for urn, kind in lost:
        yield _refusal_to_lose(Change(urn, kind))


def _refusal_to_lose(change: Change) -> Refusal:
    noun = WORDS.get(change.type, change.type)
    unprotect = f"pulumi state unprotect '{change.urn}' --stack {change.stack}"
    return Refusal(
        f"the {noun} `{change.name}` would be {change.kind}",
        "Put the environment file (or the option) back; an address whose private one has changed moves along "
        f"with `aws.moved`. If the loss is meant: `{unprotect}`, then "
        f"`pulumi up --stack {change.stack} --policy-pack policy` after reading its own preview.",
    )


def _may_go(change: Change, renewed: Collection[str]) -> bool:
    """A host key goes with its machine, a password with the user that the file no longer has."""
    if change.type == PRIVATE_KEY and MACHINE_COMPONENT in change.parents:
        return change.name.removeprefix(_HOST_KEY) in renewed
    return change.type == SHARED_SECRET and change.kind == "deleted" and change.name.startswith(_PASSWORD)


def _lost_machines(plan: Plan, wanted: Collection[str], *, drop_nodes: bool) -> Iterator[Refusal]:
    gone = {one.name for one in plan.changes if one.type == MACHINE and one.kind == "deleted"}
    dropped = sorted(gone - set(wanted))
    if dropped and not drop_nodes:
        yield Refusal(
            f"the environment file no longer has {', '.join(dropped)}: the machines would be removed",
            "Put them back, or drain them and add --drop-nodes. Their queue volumes and addresses stay.",
        )
    out = sorted({one.name for one in plan.changes if _takes_a_machine_out(one)} - set(dropped))
    if len(out) > MOST_MACHINES:
        yield Refusal(
            f"{len(out)} machines would be replaced, removed or stopped in one run: {', '.join(out)}",
            "One at a time: let `mtafleet:replacing` name a single node, or narrow the run with --target.",
        )


def _takes_a_machine_out(change: Change) -> bool:
    """Whether a node stops working for a while; resources of a machine bear its node's name."""
    if change.type == MACHINE:
        return _is_lost(change) or (change.kind == "changed" and bool(change.roots & STOPS_A_MACHINE))
    return change.type == ATTACHMENT and _is_lost(change)


def _is_lost(change: Change) -> bool:
    lost: tuple[Kind, ...] = ("replaced", "deleted")
    return change.kind in lost
