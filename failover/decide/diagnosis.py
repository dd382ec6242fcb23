"""What speaks against a member of a group, from the health of its checks. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from failover.decide.faults import Fault, worse
from failover.decide.model import UNKNOWN, Check, Group, Health, Policy, Snapshot, Target, report_item


class Finding(NamedTuple):
    fault: Fault
    reason: str


PROBE_NAMES = {
    Check.NOOP: "SMTP probe",
    Check.SESSION: "SMTP probe",
    Check.ENTRY: "probe through the front door",
}


class Diagnosis:
    """Finds faults of members; made once a cycle, for what all groups share."""

    def __init__(
        self,
        snapshot: Snapshot,
        policy: Policy,
        health: Mapping[Target, Health],
        silent: frozenset[str],
    ) -> None:
        self._health = health
        self._reports = snapshot.self_reports
        self._silent = {node: Finding(Fault.BLACK_HOLE, "nothing is heard from the node") for node in silent}
        for site, nodes in policy.site_nodes.items():
            watched = nodes & snapshot.heard_at.keys()
            if len(watched) > 1 and watched <= silent:
                lost = Finding(Fault.REGION, f"nothing is heard from any node of {site}")
                self._silent |= dict.fromkeys(watched, lost)

    def of(self, group: Group, node: str) -> Finding | None:
        """Why `node` should not serve in `group`; None when nothing speaks against it."""
        if node in self._silent:
            return self._silent[node]
        targets = group.members[node]
        reported = self._reports.get(node, frozenset())
        down = {target: found for target in targets if (found := self._of_target(target, reported))}
        if not down or (group.needs == "any" and len(down) < len(targets)):
            return None
        fault: Fault | None = None
        for one in down.values():
            fault = worse(fault, one.fault)
        said = dict.fromkeys(f"{PROBE_NAMES[target.check]}: {one.reason}" for target, one in down.items())
        return Finding(fault or Fault.GRAY, "; ".join(said))

    def _of_target(self, target: Target, reported: frozenset[str]) -> Finding | None:
        state = self._health.get(target, UNKNOWN)
        said = report_item(target) in reported
        if state.up and not said:
            return None
        fault = Fault.GRAY if state.up else state.fault or Fault.GRAY
        if fault is Fault.BLACK_HOLE:
            fault = Fault.ONE_WAY  # the node itself is heard, or this would not be asked
        return Finding(fault, "the node itself reports it as failing" if said else state.reason)
