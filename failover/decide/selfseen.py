"""What nodes complain of, over all nodes: which of it counts against a member of a group. Pure."""

from collections.abc import Mapping, Set
from typing import NamedTuple

from failover.decide.faults import Fault
from failover.decide.model import Group, GroupKey, Policy, Snapshot
from failover.decide.vitals import Ailment, Complaint, Complaints, VitalLimits, Vitals, complaints, is_near

Complaining = Mapping[str, Complaints]
"""By node; a node without a complaint is left out."""
FRONT_AILMENTS = frozenset({Ailment.OVERLOAD, Ailment.STARVED})
"""What is wrong with a node's front door too: it hands sessions on to other nodes, so the rest is not."""


class Heard(NamedTuple):
    complaining: Complaining
    concerned: frozenset[str]
    """Nodes of whose complaints another part may count than in the last cycle."""


def heed(snapshot: Snapshot, policy: Policy) -> Heard:
    """The complaints of this cycle; looks again only at nodes whose figures are new."""
    vitals, heeded = snapshot.vitals, snapshot.heeded_vitals
    if vitals == heeded:
        return Heard(snapshot.complaining, frozenset())
    found = dict(snapshot.complaining)
    concerned = set()
    for node in vitals.keys() | heeded.keys():
        now = vitals.get(node)
        if now == heeded.get(node):
            continue
        before = found.pop(node, ())
        after = complaints(now, policy.vital_limits, before) if now is not None else _lasting(before)
        if after:
            found[node] = after
        if after != before:
            concerned.add(node)
    for node, said in found.items():  # whether others suffer alike may have changed, too
        if any(one.ailment.may_come_from_outside for one in said):
            concerned.add(node)
    unchanged = found == snapshot.complaining
    return Heard(snapshot.complaining if unchanged else found, frozenset(concerned))


def _lasting(said: Complaints) -> Complaints:
    """What still holds of a node that tells nothing any more.

    Whether a cause lies outside of it is known only by what all tell at one time.
    """
    return tuple(one for one in said if not one.ailment.may_come_from_outside)


class SelfSeen:
    """Judges complaints; made once for all groups of a cycle."""

    def __init__(
        self,
        complaining: Complaining,
        vitals: Mapping[str, Vitals],
        limits: VitalLimits,
        silent: Set[str] = frozenset(),
    ) -> None:
        self.complaining = complaining
        self._vitals, self._limits, self._silent = vitals, limits, silent
        self._common: dict[tuple[GroupKey, Ailment, str | None], bool] = {}

    def finding(self, group: Group, node: str) -> tuple[Fault, str] | None:
        """What of `node`'s complaints counts against it in `group`; None when nothing does."""
        said = [
            one
            for one in self.complaining.get(node, ())
            if concerns(one, group) and not self.is_common(one, group)
        ]
        if not said:
            return None
        worst = max((one.ailment.fault for one in said), key=lambda fault: fault.severity)
        return worst, "; ".join(dict.fromkeys(one.reason for one in said))

    def is_common(self, complaint: Complaint, group: Group) -> bool:
        """Whether more than half of those who tell suffer from the same: its cause lies outside of them."""
        if not complaint.ailment.may_come_from_outside:
            return False
        about = (group.key, complaint.ailment, complaint.pool)
        if about not in self._common:
            telling = [one for one in group.members if one in self._vitals and one not in self._silent]
            alike = sum(self._suffers(node, complaint) for node in telling)
            self._common[about] = 2 * alike > len(telling)
        return self._common[about]

    def _suffers(self, node: str, complaint: Complaint) -> bool:
        ailment, pool, _ = complaint
        if any(one.ailment is ailment and one.pool == pool for one in self.complaining.get(node, ())):
            return True
        return is_near(self._vitals[node], self._limits, ailment, pool)


def concerns(complaint: Complaint, group: Group) -> bool:
    """Whether a node's complaint is about its part in `group`."""
    if group.key.kind == "entry":
        return complaint.ailment in FRONT_AILMENTS
    return complaint.pool in (None, group.key.pool)
