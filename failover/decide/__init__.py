"""The decision: who gets traffic. Pure; all that it knows is in its arguments, time included.

Parts, in the order in which a cycle goes through them: `doubt` (whether to believe what was seen), `fold`
(probes to health), `selfseen` (what nodes' own figures say), `diagnosis` (what speaks against a member),
`vantage` (whether other sites agree), `holddown` (how long it stays out, how slowly it returns), `safety`
(what may be done), `standing` (all of these for one group), `words`.

Invariants, each held by a test:

- A group never has fewer members in service than its floor, whatever the probes say.
- A healthy member is out only by a person's order or override, or while it is held down because it came and
  went; one that is out comes back when it is healthy, or to make room for a worse one, or by an override.
- Orders and hold-downs give way to failures: no sick member is kept for the floor's sake while a healthy one
  is out by them.
- The places out of service go to the worst.
- One site's word takes no address out of DNS and no region out of a group, where there are others to ask.
- A check changes its mind only after `fall` failures, or `rise` successes, in a row.
- The same arguments give the same decision, and more failures bring nobody back but for a worse one.
"""

from failover.decide.cycle import decide
from failover.decide.faults import Fault, fault_of_reply, worse
from failover.decide.model import (
    Capacity,
    Change,
    Check,
    Decision,
    Group,
    GroupKey,
    Health,
    HoldDown,
    Kind,
    Override,
    Plan,
    Policy,
    Result,
    SlowReturn,
    Snapshot,
    Standing,
    Statement,
    Target,
    Threshold,
    report_item,
)
from failover.decide.safety import floor
from failover.decide.selfseen import SelfSeen, concerns
from failover.decide.vitals import Ailment, Complaint, Complaints, QueueFigures, VitalLimits, Vitals

__all__ = [
    "Ailment",
    "Capacity",
    "Change",
    "Check",
    "Complaint",
    "Complaints",
    "Decision",
    "Fault",
    "Group",
    "GroupKey",
    "Health",
    "HoldDown",
    "Kind",
    "Override",
    "Plan",
    "Policy",
    "QueueFigures",
    "Result",
    "SelfSeen",
    "SlowReturn",
    "Snapshot",
    "Standing",
    "Statement",
    "Target",
    "Threshold",
    "VitalLimits",
    "Vitals",
    "concerns",
    "decide",
    "fault_of_reply",
    "floor",
    "report_item",
    "worse",
]
