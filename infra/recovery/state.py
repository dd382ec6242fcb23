"""The engine's state as `pulumi stack export` writes it: what is pending in it, and it without that."""

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from infra.recovery.chosen import serves
from infra.recovery.kinds.base import is_unknown
from infra.recovery.model import PLANNED, Pending, RecoveryError, Verdict

Document = Mapping[str, Any]
_PROVIDER = "pulumi:providers:aws"


def pending_in(document: Document) -> tuple[Pending, ...]:
    """Every operation that was begun and not finished; RecoveryError for a state of an unknown make."""
    regions = provider_regions(document)
    found = {}
    for operation in _deployment(document).get("pending_operations") or ():
        resource = operation["resource"]
        inputs = resource.get("inputs") or {}
        provider = resource.get("provider", "")
        region = inputs.get("region") or regions.get(provider, "")
        one = Pending(resource["urn"], operation["type"], inputs, region, provider)
        if one.creates and one.of_aws and not region:
            raise RecoveryError(f"the state does not tell in which region {one.urn} was being made")
        found[one.key] = one
    return tuple(found.values())


def with_pending(document: Document, operations: Sequence[Mapping[str, Any]]) -> Document:
    """The state with these pending, too, but for creations of what it has by now."""
    deployment = _deployment(document)
    there = {one["urn"] for one in _resources(document)}
    more = [one for one in operations if one["resource"]["urn"] not in there]
    pending = [*(deployment.get("pending_operations") or ()), *more]
    return {**document, "deployment": {**deployment, "pending_operations": pending}} if more else document


def provider_regions(document: Document) -> dict[str, str]:
    """AWS's regions by the reference of their provider, `URN::ID`."""
    return {
        f"{one['urn']}::{one['id']}": str((one.get("inputs") or {}).get("region", ""))
        for one in _resources(document)
        if one["type"] == _PROVIDER
    }


def urns_in(document: Document, name: str) -> list[str]:
    """The URNs of a region's providers, and of all that the state has there; `name` as in LeftOut."""
    regions = provider_regions(document)
    providers = {one for one, region in regions.items() if serves(one.rpartition("::")[0], region, name)}
    there = [one["urn"] for one in _resources(document) if one.get("provider") in providers]
    return [*sorted(one.rpartition("::")[0] for one in providers), *there]


def known_ids(document: Document, resource_type: str) -> frozenset[str]:
    """The ids of this type that the state has."""
    return frozenset(
        one["id"] for one in _resources(document) if one["type"] == resource_type and "id" in one
    )


def written(document: Document) -> datetime:
    """When the engine last wrote the state."""
    text = str(_deployment(document)["manifest"]["time"])
    # Nanoseconds, which Python 3.11 takes, though not more than nine digits of them.
    return datetime.fromisoformat(text)


def taken_up(document: Document, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """The state with every verdict carried out, and pending what none was about or what is to be left.

    What is adopted, and what is to be read, is marked so that the engine reads it from AWS before it does
    anything else with it, in whichever run comes next.
    """
    fresh = copy.deepcopy(dict(document))
    deployment = fresh["deployment"]
    operations = deployment.pop("pending_operations", ())
    begun = {(one["resource"]["urn"], one["type"]): one["resource"] for one in operations}
    resources: list[dict[str, Any]] = deployment.get("resources") or []
    done = set()
    for verdict in verdicts:
        if verdict.fate == "adopt":
            resources = _with(resources, _adopted(begun[verdict.pending.key], verdict.id))
        elif verdict.fate == "read":
            for one in resources:
                if one["urn"] == verdict.pending.urn:
                    one["refreshBeforeUpdate"] = True
        if verdict.fate != "leave":
            done.add(verdict.pending.key)
    kept = [
        one
        for one in operations
        if one["type"] != PLANNED and (one["resource"]["urn"], one["type"]) not in done
    ]
    deployment["resources"] = _in_order(_leaning_on_each_other(resources))
    return fresh if not kept else {**fresh, "deployment": {**deployment, "pending_operations": kept}}


def _adopted(resource: Mapping[str, Any], identity: str) -> dict[str, Any]:
    """The resource as the engine would have recorded it; its outputs are its inputs until it is read."""
    inputs = {name: one for name, one in (resource.get("inputs") or {}).items() if not is_unknown(one)}
    return {
        **resource,
        "id": identity,
        "inputs": inputs,
        "outputs": copy.deepcopy(inputs),
        "refreshBeforeUpdate": True,
    }


def _with(resources: Sequence[dict[str, Any]], fresh: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources with `fresh` in the place of the one it replaces, or as the last.

    One that still exists is left for the next run to delete, as it would have been.
    """
    kept: list[dict[str, Any]] = []
    replaced: list[dict[str, Any]] = []
    placed = False
    for one in resources:
        if one["urn"] != fresh["urn"] or one.get("delete"):
            kept.append(one)
            continue
        if not placed:
            kept.append(fresh)
            placed = True
        if not one.get("pendingReplacement"):
            replaced.append({**one, "delete": True})
    return [*kept, *([] if placed else [fresh]), *replaced]


def _leaning_on_each_other(resources: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without dependencies on what is not there: a plan may have what it depends on still to make."""
    there = {one["urn"] for one in resources}
    return [_leaning_on(there, one) for one in resources]


def _leaning_on(there: Collection[str], one: dict[str, Any]) -> dict[str, Any]:
    fresh = dict(one)
    if one.get("dependencies"):
        fresh["dependencies"] = [urn for urn in one["dependencies"] if urn in there]
    if one.get("propertyDependencies"):
        fresh["propertyDependencies"] = {
            name: [urn for urn in urns or () if urn in there]
            for name, urns in one["propertyDependencies"].items()
        }
    return fresh


def _in_order(resources: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything after what it depends on, as the engine demands; otherwise in the order it had."""
    living = {one["urn"]: one for one in resources if not one.get("delete")}
    ordered: dict[int, dict[str, Any]] = {}
    visiting: set[int] = set()

    def visit(one: dict[str, Any]) -> None:
        if id(one) in ordered or id(one) in visiting:
            return
        visiting.add(id(one))
        for urn in _leans_on(one):
            if urn in living:
                visit(living[urn])
        ordered[id(one)] = one

    for one in resources:
        visit(one)
    return list(ordered.values())


def _leans_on(resource: Mapping[str, Any]) -> list[str]:
    urns = [resource.get("parent", ""), resource.get("deletedWith", ""), *resource.get("dependencies", ())]
    urns.append(str(resource.get("provider", "")).rpartition("::")[0])
    for listed in (resource.get("propertyDependencies") or {}).values():
        urns += listed or ()
    return [urn for urn in urns if urn and urn != resource["urn"]]


def _resources(document: Document) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = _deployment(document).get("resources") or ()
    return found


def _deployment(document: Document) -> Mapping[str, Any]:
    found = document.get("deployment")
    if not isinstance(found, Mapping):
        raise RecoveryError("the state is not of a make that this version of mtafleet understands")
    return found
