"""What has changed since the last cycle, one sentence each. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from failover.decide.diagnosis import PROBE_NAMES
from failover.decide.faults import Fault
from failover.decide.model import IN_SERVICE, Change, GroupKey, Kind, Result, Snapshot, Standing


def suspicions(failures: Iterable[Result]) -> Iterator[Change]:
    """Checks that have failed for the first time."""
    for failure in failures:
        node, pool, check = failure.target
        said = f"The {PROBE_NAMES[check]} of {pool} on {node} failed: {failure.reason}."
        yield Change(Kind.SUSPECT, node, pool, check, said, failure.fault)


def node_changes(snapshot: Snapshot, silent: frozenset[str], now: float) -> Iterator[Change]:
    """Nodes that fell silent, or are heard again."""
    for node in sorted(silent - snapshot.silent):
        gap = (now - snapshot.heard_at[node]) * 1000
        said = f"Nothing was heard from {node} for {gap:.0f} ms."
        yield Change(Kind.DOWN, node, "", "node", said, Fault.BLACK_HOLE)
    for node in sorted(snapshot.silent - silent):
        yield Change(Kind.UP, node, "", "node", f"{node} is heard again.")


def group_changes(
    key: GroupKey, before: Mapping[str, Standing], after: Mapping[str, Standing]
) -> Iterator[Change]:
    """Members that leave or come back, stay against a wish, or get another share of their weight."""
    what = f"{key.pool} instance" if key.kind == "relay" else f"{key.pool} entry"
    for node, one in after.items():
        was = before.get(node, IN_SERVICE)
        if one is was:
            continue
        found = _change(f"The {what} on {node}", key, was, one)
        if found is not None:
            kind, said = found
            yield Change(kind, node, key.pool, key.kind, f"{said}.", one.fault)


def _change(subject: str, key: GroupKey, was: Standing, one: Standing) -> tuple[Kind, str] | None:
    if one.in_service != was.in_service:
        if not one.in_service:
            return Kind.DOWN, f"{subject} leaves service: {one.reason}"
        return Kind.UP, f"{subject} goes back into service: {one.reason}{_at_first(key, one)}"
    if not one.in_service:
        return None
    if _unwanted(one) and not _unwanted(was):
        return Kind.HELD, f"{subject} stays: {one.reason}"
    if one.weight_percent != was.weight_percent and (key.kind == "relay" or one.weight_percent == 100):
        return Kind.WEIGHT, f"{subject} {_share(key, one)}"
    return None


def _at_first(key: GroupKey, one: Standing) -> str:
    if one.weight_percent == 100:
        return ""
    if key.kind == "entry":
        return ", and may be named in answers when it has stayed so"
    return f", with {one.weight_percent} % of its weight at first"


def _share(key: GroupKey, one: Standing) -> str:
    if key.kind == "entry":
        return "has stayed healthy and may be named in answers"
    return (
        f"gets {one.weight_percent} % of its weight"
        if one.weight_percent < 100
        else "has its full weight again"
    )


def _unwanted(standing: Standing) -> bool:
    return standing.ordered_out or not standing.healthy
