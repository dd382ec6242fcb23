"""From the engine's event log (a JSON object a line) to a plan. What is unknown is an error, not ignored."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.plan.model import Change, Kind, Plan, PlanError, Protected

_REPLACING = frozenset(
    {
        "replace",
        "create-replacement",
        "delete-replaced",
        "import-replacement",
        "read-replacement",
        "discard-replaced",
    }
)
_CREATING = frozenset({"create", "import"})
_WITHOUT_EFFECT = frozenset({"same", "read", "refresh", "discard", "remove-pending-replace"})
"""On the world; `discard` and `remove-pending-replace` forget what is not there or not ours."""
_KNOWN = _REPLACING | _CREATING | _WITHOUT_EFFECT | {"update", "delete"}

_PROTECTED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("replaced", re.compile(r'unable to replace resource "(urn:pulumi:[^"]+)"')),
    ("deleted", re.compile(r'resource "(urn:pulumi:[^"]+)" cannot be deleted\s+because it is protected')),
)
"""How the engine refuses to lose what is protected; it stops at the first."""
_COLOURS = re.compile(r"<\{%[^%]*%\}>")


def read_events(lines: Iterable[str]) -> Plan:
    """The plan that an event log tells; raises PlanError when it is cut short or of an unknown make."""
    steps: dict[str, list[Mapping[str, Any]]] = {}
    said: list[Mapping[str, Any]] = []
    objections: list[str] = []
    ended = False
    for line in lines:
        event = _event(line)
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            steps.setdefault(metadata["urn"], []).append(metadata)
        elif "diagnosticEvent" in event:
            said.append(event["diagnosticEvent"])
        elif "policyEvent" in event:
            objections += _objection(event["policyEvent"])
        ended = ended or "summaryEvent" in event
    errors = [_plain(one["message"]) for one in said if one.get("severity") == "error"]
    changes, unchanged = _changes(steps)
    return Plan(
        changes,
        unchanged,
        tuple(dict.fromkeys(errors)),
        tuple(dict.fromkeys(objections)),
        tuple(dict.fromkeys(one for error in errors for one in _protected(error))),
        ended,
    )


def _event(line: str) -> Mapping[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        raise PlanError("the engine's account of its preview is cut short: run it again") from None
    if not isinstance(event, dict):
        raise PlanError("the engine's account of its preview is not what this version understands")
    return event


def _objection(event: Mapping[str, Any]) -> list[str]:
    if event.get("enforcementLevel") != "mandatory":
        return []
    message = " ".join(_plain(event["message"]).split())
    return [f"{event.get('policyName', 'policy')}: {message}"]


def _protected(error: str) -> Iterator[Protected]:
    for kind, words in _PROTECTED:
        yield from (Protected(urn, kind) for urn in words.findall(error))


def _changes(steps: Mapping[str, list[Mapping[str, Any]]]) -> tuple[tuple[Change, ...], int]:
    """A change for each resource that is one; components are only their parts."""
    changes = []
    unchanged = 0
    for urn, listed in steps.items():
        kind = _kind(urn, {str(step["op"]) for step in listed})
        if not any(_is_custom(step) for step in listed):
            continue
        if kind is None:
            unchanged += 1
        else:
            changes.append(Change(urn, kind, _properties(kind, listed)))
    return tuple(changes), unchanged


def _kind(urn: str, operations: set[str]) -> Kind | None:
    unknown = operations - _KNOWN
    if unknown:
        raise PlanError(
            f"the engine would `{min(unknown)}` {urn}, which this version of mtafleet does not know: "
            "use the engine's version that docs/operations.md names"
        )
    creates = bool(operations & _CREATING)
    if operations & _REPLACING or (creates and "delete" in operations):
        return "replaced"
    if "delete" in operations:
        return "deleted"
    if creates:
        return "created"
    return "changed" if "update" in operations else None


def _is_custom(step: Mapping[str, Any]) -> bool:
    state = step.get("new") or step.get("old")
    return state is None or bool(state.get("custom"))


def _properties(kind: Kind, steps: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    found: set[str] = set()
    for step in steps:
        detailed: Mapping[str, Any] = step.get("detailedDiff") or {}
        if kind == "changed":
            found |= set(detailed or step.get("diffs") or ())
        elif kind == "replaced":
            demand = {path for path, one in detailed.items() if one["diffKind"].endswith("-replace")}
            found |= demand or set(step.get("keys") or ())
    return tuple(sorted(found))


def _plain(message: str) -> str:
    return _COLOURS.sub("", message).strip()
