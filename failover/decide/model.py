"""What the decision works on and what it returns; immutable, without behaviour of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal, NamedTuple

from failover.decide.faults import Fault
from failover.decide.vitals import Complaints, VitalLimits, Vitals


class Check(StrEnum):
    """How a target is probed."""

    NOOP = "noop"
    """The persistent session on the probe listener."""
    SESSION = "session"
    """A fresh session on the probe listener."""
    ENTRY = "entry"
    """A fresh session where clients submit: through the node's own front door."""


class Target(NamedTuple):
    node: str
    pool: str
    check: Check


class Result(NamedTuple):
    """One finished probe."""

    target: Target
    good: bool
    reason: str = ""
    fault: Fault = Fault.GRAY
    """What a failure looked like; means nothing in a success."""


class GroupKey(NamedTuple):
    """What is steered as one: a pool's instances behind HAProxy, or its entries in DNS."""

    kind: Literal["relay", "entry"]
    pool: str


@dataclass(frozen=True, slots=True)
class Group:
    key: GroupKey
    members: Mapping[str, tuple[Target, ...]]
    """The targets that speak for each node."""
    needs: Literal["all", "any"] = "all"
    """Whether a member is healthy when all of its targets are, or when any is."""


@dataclass(frozen=True, slots=True)
class Threshold:
    fall: int
    rise: int


@dataclass(frozen=True, slots=True)
class HoldDown:
    """How long a member that failed again soon after its return stays out once it is well; 0: not at all."""

    base_seconds: float = 0.0
    """After the first such failure; doubled by each further one."""
    most_seconds: float = 0.0
    window_seconds: float = 60.0
    """How soon is soon; and each such time of good service forgives one failure."""
    budget: int = 10
    """So many returns after such failures, in a group and a window, before the next ones have to wait."""


@dataclass(frozen=True, slots=True)
class SlowReturn:
    """The shares of its weight that a member gets after its return, one after the other."""

    weights_percent: tuple[int, ...] = ()
    """Before the full weight; empty: all of it at once."""
    step_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a pool's nodes can carry, and what they must."""

    messages_per_hour: Mapping[str, int]
    """By node, of addresses as warm as they are."""
    peak_messages_per_hour: int
    """The load to reckon with while the present one is not known."""


@dataclass(frozen=True)
class Policy:
    observer: str
    """The node that looks; it doubts itself when everybody else seems dead."""
    groups: tuple[Group, ...]
    thresholds: Mapping[Check, Threshold]
    silence_seconds: float
    """Without any sign of life for this long, a node is down at once."""
    floor_percent: int
    """The share of each pool's instances that stays in service whatever happens."""
    most_lag_seconds: float
    """An observer that ran later than this does not trust its own failed probes."""
    answer_floor_percent: int = 0
    """The same share for the addresses in an answer of DNS; 0: as `floor_percent`."""
    most_ejected_percent: int = 100
    """The largest share of a group that failures may put out of service at once."""
    eject_regions: bool = True
    """Whether all of a region's members of a group may be out for failures at once."""
    sites: Mapping[str, str] = field(default_factory=dict)
    """The region of each node; a node without one is in no region."""
    vantages: Mapping[str, str] = field(default_factory=dict)
    """The site of each node whose daemon judges others, this one too; empty: nobody else is asked."""
    watchers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Who watches each node, itself included; everybody watches one that is not named."""
    witness_sites: frozenset[str] = frozenset()
    """Sites that only look: they decide a tie."""
    hold_down: HoldDown = HoldDown()
    slow_return: SlowReturn = SlowReturn()
    capacity: Mapping[str, Capacity] = field(default_factory=dict)
    """By pool; a pool without an entry is not reckoned."""
    vital_limits: VitalLimits = field(default_factory=VitalLimits)
    """What nodes may say of themselves and still count as well."""

    def __post_init__(self) -> None:
        """Make the indexes now: the first cycle that needs them is one in which something has failed."""
        self.lines, self.groups_of_node, self.targets_of_node, self.groups_of_target, self.site_nodes  # noqa: B018

    def watches(self, node: str) -> bool:
        """Whether this observer looks at `node` itself, and need not go by what others find."""
        return node not in self.watchers or self.observer in self.watchers[node]

    @cached_property
    def sites_needed(self) -> int:
        """So many sites must find a member failing before it counts as agreed.

        Of two sites one may be lost, and then the other has to do.
        """
        return 2 if len(set(self.vantages.values())) > 2 else 1

    @cached_property
    def lines(self) -> Mapping[str, tuple[Target, ...]]:
        """The persistent sessions to the other nodes that are watched, by node."""
        found: dict[str, list[Target]] = {}
        for group in self.groups:
            for node, targets in group.members.items():
                if node != self.observer and self.watches(node):
                    found.setdefault(node, []).extend(one for one in targets if one.check is Check.NOOP)
        return {node: tuple(targets) for node, targets in found.items() if targets}

    @cached_property
    def groups_of_node(self) -> Mapping[str, frozenset[GroupKey]]:
        """The groups that each node is a member of."""
        found: dict[str, set[GroupKey]] = {}
        for group in self.groups:
            for node in group.members:
                found.setdefault(node, set()).add(group.key)
        return {node: frozenset(keys) for node, keys in found.items()}

    @cached_property
    def targets_of_node(self) -> Mapping[str, tuple[Target, ...]]:
        """All that is probed on each node."""
        found: dict[str, dict[Target, None]] = {}
        for group in self.groups:
            for node, targets in group.members.items():
                found.setdefault(node, {}).update(dict.fromkeys(targets))
        return {node: tuple(targets) for node, targets in found.items()}

    @cached_property
    def groups_of_target(self) -> Mapping[Target, frozenset[GroupKey]]:
        """The groups in which each target speaks for a node."""
        found: dict[Target, set[GroupKey]] = {}
        for group in self.groups:
            for targets in group.members.values():
                for target in targets:
                    found.setdefault(target, set()).add(group.key)
        return {target: frozenset(keys) for target, keys in found.items()}

    @cached_property
    def site_nodes(self) -> Mapping[str, frozenset[str]]:
        """The nodes of each region."""
        found: dict[str, set[str]] = {}
        for node, site in self.sites.items():
            found.setdefault(site, set()).add(node)
        return {site: frozenset(nodes) for site, nodes in found.items()}


class Health(NamedTuple):
    """What one check has led to; `run` counts results in a row that speak against the present state."""

    up: bool = True
    run: int = 0
    since: float = 0.0
    reason: str = ""
    fault: Fault | None = None
    """While down the worst that was seen since; else what the failures under suspicion looked like."""


UNKNOWN = Health()


class Standing(NamedTuple):
    """One member's place in a group."""

    in_service: bool = True
    healthy: bool = True
    unhealthy_since: float = 0.0
    reason: str = "healthy"
    ordered_out: bool = False
    """Whether a maintenance order alone speaks against it; the floor may keep it in service all the same."""
    fault: Fault | None = None
    """What is wrong with it while it is not healthy."""
    weight_percent: int = 100
    """The share of its weight that it gets in service; 0 out of it."""
    level: int = 0
    """How often it failed soon after a return, less what good service has made up for by its last failure."""
    returned_at: float = float("-inf")
    """When it last became healthy in service."""
    turn_at: float = float("-inf")
    """When it last returned in spite of a level, by one of its group's turns."""
    good_since: float | None = None
    """While it is healthy and held down: since when it is healthy."""
    found_failing: bool = False
    """Whether this observer itself finds it failing, whatever others say."""
    agreed: bool = False
    """Whether sites agree that it fails."""
    dead_since: float | None = None
    """Since when this observer has found nothing there any more, without a break."""


IN_SERVICE = Standing()


class Override(NamedTuple):
    """A person's word on one node, stronger than what the probes say."""

    to: Literal["in", "out"]
    reason: str


class Statement(NamedTuple):
    """What another observer finds; one that is in doubt, or is not heard, gives none."""

    down: frozenset[str] = frozenset()
    """Failing members, nodes and regions, in the words of `vantage`."""
    entries: bool = True
    """Whether it looks at entries at all."""
    partial: bool = False
    """Whether not all that it finds failing is named: then it says nothing of what is not."""


Plan = Mapping[GroupKey, Mapping[str, Standing]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything observed since the last cycle, and what the last cycle left."""

    results: tuple[Result, ...] = ()
    heard_at: Mapping[str, float] = field(default_factory=dict)
    """Last sign of life by node; of one that this observer does not watch, it comes rarely."""
    self_reports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What a node itself says is failing on it, in the words of `report_item`."""
    lag_seconds: float = 0.0
    health: Mapping[Target, Health] = field(default_factory=dict)
    plan: Plan = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    heeded_reports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The self-reports that the last cycle went by."""
    orders: Mapping[str, str] = field(default_factory=dict)
    """Why each node is out of service by a maintenance order in force now."""
    heeded_orders: Mapping[str, str] = field(default_factory=dict)
    """The orders that the last cycle went by."""
    doubted: bool = False
    """Whether the last cycle was in doubt."""
    overrides: Mapping[str, Override] = field(default_factory=dict)
    heeded_overrides: Mapping[str, Override] = field(default_factory=dict)
    """The overrides that the last cycle went by."""
    statements: Mapping[str, Statement] = field(default_factory=dict)
    """What other observers find, by their node."""
    heeded_statements: Mapping[str, Statement] = field(default_factory=dict)
    """What the last cycle went by."""
    messages_per_hour: Mapping[str, float] = field(default_factory=dict)
    """The present load by pool, where it is known."""
    vitals: Mapping[str, Vitals] = field(default_factory=dict)
    """The figures that nodes give of themselves."""
    heeded_vitals: Mapping[str, Vitals] = field(default_factory=dict)
    """The figures that the last cycle went by."""
    complaining: Mapping[str, Complaints] = field(default_factory=dict)
    """What was found wrong by these, by node."""
    due: Mapping[GroupKey, float] = field(default_factory=dict)
    """When time alone may change a group's standings; a group that is not named is stood anew."""


class Kind(StrEnum):
    SUSPECT = "suspect"
    DOWN = "down"
    UP = "up"
    HELD = "held"
    WEIGHT = "weight"


class Change(NamedTuple):
    """One thing that is different from the last cycle, and why, in one sentence."""

    kind: Kind
    node: str
    pool: str
    scope: str
    """`relay`, `entry`, `node` or the name of a check."""
    reason: str
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    health: Mapping[Target, Health]
    plan: Plan
    silent: frozenset[str]
    changes: tuple[Change, ...]
    doubt: str | None = None
    """Why this observer trusts no failure it saw in this cycle; None when it does."""
    heeded_reports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    heeded_orders: Mapping[str, str] = field(default_factory=dict)
    heeded_overrides: Mapping[str, Override] = field(default_factory=dict)
    heeded_statements: Mapping[str, Statement] = field(default_factory=dict)
    heeded_vitals: Mapping[str, Vitals] = field(default_factory=dict)
    complaining: Mapping[str, Complaints] = field(default_factory=dict)
    due: Mapping[GroupKey, float] = field(default_factory=dict)

    @property
    def plan_changed(self) -> bool:
        return any(change.kind in _STEERING and change.scope != "node" for change in self.changes)


_STEERING = frozenset({Kind.DOWN, Kind.UP, Kind.WEIGHT})


def report_item(target: Target) -> str:
    """What a node says in its heartbeats when it finds `target`, on itself, to be failing."""
    return f"entry:{target.pool}" if target.check is Check.ENTRY else target.pool
