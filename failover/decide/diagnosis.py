"""What speaks against a member of a group, from the health of its checks. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from failover.decide.faults import Fault, worse
from failover.decide.model import UNKNOWN, Check, Group, Health, Policy, Snapshot, Target, report_item
from failover.decide.selfseen import Complaining, SelfSeen


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
        complaining: Complaining,
    ) -> None:
        self._health = health
        self._self_seen = SelfSeen(complaining, snapshot.vitals, policy.vital_limits, silent)
        self._reports = snapshot.self_reports
        self._silent = {node: Finding(Fault.BLACK_HOLE, "nothing is heard from the node") for node in silent}
        for site, nodes in policy.site_nodes.items():
            watched = nodes & snapshot.heard_at.keys()
            if len(watched) > 1 and watched <= silent:
                lost = Finding(Fault.REGION, f"nothing is heard from any node of {site}")
                self._silent |= dict.fromkeys(watched, lost)
        self.unwell = {target.node for target, state in health.items() if not state.up}
        """Nodes against which anything at all may speak."""
        self.unwell.update(self._silent, self._reports, complaining)

    def of(self, group: Group, node: str) -> Finding | None:
        """Why `node` should not serve in `group`; None when nothing speaks against it."""
        if node in self._silent:
            return self._silent[node]
        probed = self._probed(group, node)
        said = self._self_seen.finding(group, node)
        if said is None:
            return probed
        fault, reason = said
        if probed is None:
            return Finding(fault, reason)
        return Finding(worse(probed.fault, fault) or fault, f"{probed.reason}; {reason}")

    def attested(self, group: Group, node: str) -> bool:
        """Whether this observer has seen it fail, or the node's own figures say so.

        What a node's daemon only reports of its own probes is not enough to speak against it elsewhere: the
        daemon may be at fault.
        """
        if node in self._silent or self._self_seen.finding(group, node) is not None:
            return True
        targets = group.members[node]
        down = sum(not self._health.get(target, UNKNOWN).up for target in targets)
        return down > 0 and (group.needs != "any" or down == len(targets))

    def _probed(self, group: Group, node: str) -> Finding | None:
        """What probes say, others' and its own."""
        targets = group.members[node]
        reported = self._reports.get(node)
        down: list[tuple[Target, Finding]] = []
        for target in targets:
            state = self._health.get(target, UNKNOWN)
            said = reported is not None and report_item(target) in reported
            if said or not state.up:
                down.append((target, _finding(state, said)))
        if not down or (group.needs == "any" and len(down) < len(targets)):
            return None
        if len(down) == 1:
            ((target, found),) = down
            return Finding(found.fault, f"{PROBE_NAMES[target.check]}: {found.reason}")
        worst = max((found.fault for _, found in down), key=lambda fault: fault.severity)
        words = dict.fromkeys(f"{PROBE_NAMES[target.check]}: {found.reason}" for target, found in down)
        return Finding(worst, "; ".join(words))


def _finding(state: Health, said: bool) -> Finding:
    fault = (Fault.GRAY if state.up else state.fault) or Fault.GRAY
    if fault is Fault.BLACK_HOLE:
        fault = Fault.ONE_WAY  # the node itself is heard, or this would not be asked
    return Finding(fault, "the node itself reports it as failing" if said else state.reason)
