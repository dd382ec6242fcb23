"""What a plan would make although AWS has it: its answer was lost, or the state that knew it.

Such a thing is in no state, not even as pending. It is found by the tags that the plan gives it, before an
Elastic IP, a zone, a key or a machine is made a second time.
"""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from infra.recovery.account import Account
from infra.recovery.chosen import Chosen
from infra.recovery.judge import judge
from infra.recovery.kinds import LOOKS, SILENTLY_TWICE
from infra.recovery.kinds.base import IN_USE, is_unknown
from infra.recovery.kinds.dns import checks_present, zones_present
from infra.recovery.kinds.ec2 import BY_NAME_TAG
from infra.recovery.lookup import as_chosen
from infra.recovery.model import PLANNED, Pending, Verdict
from infra.recovery.state import known_ids, pending_in, provider_regions

Document = Mapping[str, Any]
_PROVIDER = "pulumi:providers:aws"
_CARRIED_OVER = ("parent", "protect", "dependencies", "propertyDependencies")
_NEVER_HAD = "though this state has never had anything there"


def with_planned(document: Document, plan: Mapping[str, Any], chosen: Chosen | None = None) -> dict[str, Any]:
    """The state as if the creations of this plan (as `pulumi preview --save-plan` writes it) were begun.

    What exists in the state only, providers and components, is in it as if made already. Of the rest only
    what AWS would make twice without a word is planned; all that can be looked up when the state was lost,
    and what the operator names.
    """
    sought = set(LOOKS) if chosen is not None and chosen.lost else SILENTLY_TWICE
    ids_chosen = chosen.ids if chosen is not None else {}
    deployment = document["deployment"]
    local = list(_in_state_only(plan))
    ids = {one["urn"]: one["id"] for one in local if "id" in one}
    planned = [
        {"type": PLANNED, "resource": resource}
        for resource in _creations(plan, ids, _replaced(deployment))
        if resource["type"] in sought or resource["urn"] in ids_chosen
    ]
    more = {
        "resources": [*(deployment.get("resources") or ()), *local],
        "pending_operations": [*(deployment.get("pending_operations") or ()), *planned],
    }
    return {**document, "deployment": {**deployment, **more}}


def strays(
    document: Document, assumed: Document, account_number: str, account: Account, chosen: Chosen
) -> tuple[Verdict, ...]:
    """What AWS has already of the creations that `with_planned` made of `document`.

    What is to depend on something that is found, too, waits for that: a second look after a second plan
    finds it.
    """
    wanted: dict[tuple[str, str], list[Pending]] = {}
    for one in pending_in(assumed):
        if one.operation == PLANNED and chosen.ids.get(one.urn, "") is not None:
            wanted.setdefault((one.type, one.region), []).append(one)
    if wanted:
        account.require(account_number, [region for _kind, region in wanted])
    before = provider_regions(document).keys()
    found, waiting = [], []
    for (kind, region), listed in wanted.items():
        for one in _present(account, kind, region, listed, chosen):
            verdict = _judged(one, assumed, account, chosen, new_state=one.provider not in before)
            if verdict.fate == "adopt" and is_unknown(one.inputs):
                waiting.append(verdict)
            elif verdict.fate != "forget":
                found.append(verdict)
    if chosen.lost:  # what they are to depend on is lost for good; the next plan says what follows from that
        return tuple(found) or tuple(waiting)
    return tuple(found) or tuple(map(_unmade, waiting))


def makes_silently(assumed: Document, chosen: Chosen) -> bool:
    """Whether `with_planned` found what AWS would make twice without a word, beyond what is chosen."""
    return any(
        one.operation == PLANNED and one.type in SILENTLY_TWICE and one.urn not in chosen.ids
        for one in pending_in(assumed)
    )


def of_lost_state(verdicts: Sequence[Verdict]) -> bool:
    """Whether something was found of which the state should have known much more."""
    return any(_NEVER_HAD in one.why for one in verdicts)


def _present(
    account: Account, kind: str, region: str, listed: Sequence[Pending], chosen: Chosen
) -> list[Pending]:
    """Those that AWS may have, told with few calls: most plans make what is nowhere."""
    names = {_name(one, kind) for one in listed}
    look = _PRESENT.get(kind)
    there = names if look is None else look(account, region, sorted(names))
    return [one for one in listed if _name(one, kind) in there or one.urn in chosen.ids]


def _name(one: Pending, kind: str) -> str:
    """By which AWS is asked for it."""
    if kind == _ZONE:
        return str(one.inputs.get("name", "")).rstrip(".")
    return str((one.inputs.get("tags") or {}).get("Name", ""))


_INSTANCE = "aws:ec2/instance:Instance"
_ZONE = "aws:route53/zone:Zone"
_PRESENT: Mapping[str, Callable[[Account, str, Sequence[str]], Collection[str]]] = {
    **{kind: look.present for kind, look in BY_NAME_TAG.items()},
    _ZONE: zones_present,
    "aws:route53/healthCheck:HealthCheck": checks_present,
}


def _judged(one: Pending, assumed: Document, account: Account, chosen: Chosen, *, new_state: bool) -> Verdict:
    if one.urn in chosen.ids:
        return as_chosen(one, assumed, account, chosen)
    if one.type not in SILENTLY_TWICE and is_unknown(one.inputs):
        return Verdict(one, "forget", "cannot be told yet")  # what it is known by may be unknown, too
    found = LOOKS[one.type](account, _without_first_boot(one) if chosen.lost else one)
    if chosen.lost:  # what served under the state that was lost serves still
        found = [
            replace(each, differs=tuple(word for word in each.differs if word != IN_USE)) for each in found
        ]
    verdict = judge(one, found, known_ids(assumed, one.type))
    if not new_state or chosen.lost or verdict.fate == "forget":
        return verdict
    why = f"AWS has {verdict.id}" if verdict.fate == "adopt" else verdict.why
    return Verdict(one, "doubtful", f"{why}, {_NEVER_HAD}", candidates=tuple(found))


def _without_first_boot(one: Pending) -> Pending:
    """Without what machines keep from their first boot: the plan has the image that new ones take."""
    if one.type != _INSTANCE:
        return one
    return replace(one, inputs={name: value for name, value in one.inputs.items() if name != "ami"})


def _unmade(verdict: Verdict) -> Verdict:
    why = f"AWS has {verdict.id}, though not yet what it is to depend on"
    return replace(verdict, fate="doubtful", why=why, id="")


def _in_state_only(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Providers and components that the plan makes: making them is writing them down."""
    for urn, one in _fresh(plan):
        if one["steps"] != ["create"]:
            continue
        goal = one["goal"]
        kept = {"urn": urn, "type": goal["type"]}
        if goal.get("parent"):
            kept["parent"] = goal["parent"]
        inputs = _inputs(one)
        if not goal.get("custom"):
            yield {**kept, "custom": False}
        elif goal["type"] == _PROVIDER and not is_unknown(inputs):
            yield {**kept, "custom": True, "id": str(uuid.uuid4()), "inputs": inputs, "outputs": inputs}


def _replaced(deployment: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The inputs, by URN, of what was deleted already so that another can take its place."""
    listed = deployment.get("resources") or ()
    return {one["urn"]: one.get("inputs") or {} for one in listed if one.get("pendingReplacement")}


def _creations(
    plan: Mapping[str, Any], providers: Mapping[str, str], before: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What the plan creates, as the engine would record it.

    `providers` are ids of new ones, `before` the inputs of what is replaced, by URN.
    """
    fresh = dict(_fresh(plan))
    for urn, one in fresh.items():
        goal = one["goal"]
        if goal.get("id") or not goal.get("custom") or goal["type"] == _PROVIDER:
            continue
        provider, _, identity = goal.get("provider", "").rpartition("::")
        if provider in fresh and provider not in providers:
            continue
        inputs = _inputs(one, before.get(urn, {}))
        more = {name: goal[name] for name in _CARRIED_OVER if goal.get(name)}
        yield {
            "urn": urn,
            "custom": True,
            "type": goal["type"],
            "inputs": inputs,
            **more,
            "provider": f"{provider}::{providers.get(provider, identity)}",
        }


def _fresh(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for urn, one in plan.get("resourcePlans", {}).items():
        steps = one.get("steps") or ()
        # A replacement whose first half is done: the old one is deleted, and the new one may be there.
        halfway = "create-replacement" in steps and "delete-replaced" not in steps
        if (steps == ["create"] or halfway) and one.get("goal") is not None:
            yield urn, one


def _inputs(one: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the plan has a resource made of: it tells in what that differs from what there was."""
    told = (one.get("goal") or {}).get("inputDiff") or {}
    kept = {name: value for name, value in (before or {}).items() if name not in (told.get("deletes") or ())}
    return {**kept, **(told.get("updates") or {}), **(told.get("adds") or {})}
