"""What a plan would make although AWS has it: an earlier run made it and its answer was lost.

Such a thing is in no state, not even as pending. It is found by the tags that the plan gives it, before an
Elastic IP or a machine is made a second time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.recovery.account import Account
from infra.recovery.judge import judge
from infra.recovery.kinds.ec2 import BY_NAME_TAG, ByNameTag
from infra.recovery.lookup import Chosen
from infra.recovery.model import Pending, Verdict
from infra.recovery.state import known_ids, pending_in

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that only the run itself will know."""
_CARRIED_OVER = ("parent", "protect", "dependencies", "provider", "propertyDependencies")


def with_planned(document: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """The state as if the creations of this plan (as `pulumi preview --save-plan` writes it) were pending.

    Only those that AWS would carry out twice without a word.
    """
    begun = [
        {"type": "creating", "resource": resource}
        for resource in _creations(plan)
        if resource["type"] in BY_NAME_TAG
    ]
    return {**document, "deployment": {**document["deployment"], "pending_operations": begun}}


def strays(
    document: Mapping[str, Any], account_number: str, account: Account, chosen: Chosen
) -> tuple[Verdict, ...]:
    """What AWS has already of the creations that `with_planned` put into the state."""
    wanted: dict[tuple[str, str], list[Pending]] = {}
    for one in pending_in(document):
        wanted.setdefault((one.type, one.region), []).append(one)
    if wanted:
        account.require(account_number, next(iter(wanted))[1])
    found = []
    for (kind, region), listed in wanted.items():
        look = BY_NAME_TAG[kind]
        present = look.present(account, region, [_name(one) for one in listed])
        for one in listed:
            if _name(one) in present:
                verdict = chosen.verdict(one) or _judged(one, document, account, look)
                found += [verdict] if verdict.fate != "forget" else []
    return tuple(found)


def _judged(one: Pending, document: Mapping[str, Any], account: Account, look: ByNameTag) -> Verdict:
    verdict = judge(one, look(account, one), known_ids(document, one.type))
    if verdict.fate == "adopt" and _is_unknown(one.inputs):
        why = f"AWS has {verdict.id}, though not yet what it is to depend on"
        return Verdict(one, "doubtful", why, candidates=tuple(look(account, one)))
    return verdict


def _creations(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the plan creates with providers that are there: with a new one nothing can have been made."""
    listed = plan.get("resourcePlans", {})
    fresh = {urn for urn, one in listed.items() if one.get("steps") == ["create"]}
    for urn, one in listed.items():
        goal = one.get("goal")
        if urn not in fresh or goal is None or goal.get("id"):
            continue
        if goal.get("provider", "").rpartition("::")[0] in fresh:
            continue
        inputs = dict(_inputs(one))
        more = {name: goal[name] for name in _CARRIED_OVER if goal.get(name)}
        yield {"urn": urn, "custom": True, "type": goal["type"], "inputs": inputs, **more}


def _inputs(one: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = ((one.get("goal") or {}).get("inputDiff") or {}).get("adds") or {}
    return found


def _is_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_is_unknown, value))
    return bool(value == _UNKNOWN)


def _name(one: Pending) -> str:
    return str((one.inputs.get("tags") or {}).get("Name", ""))
