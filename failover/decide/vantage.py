"""What other vantage points say of a member, and whether sites agree that it fails. Pure.

One observer may be at fault, and so may all of a site. So an address leaves DNS, a region leaves a group, and
sessions are cut, only when two sites (one, where there are no more than two) find the same failing and more
sites find it failing than working; the site of a witness decides a tie. Nobody vouches for itself, and who is
in doubt says nothing. In a large fleet only those are asked that watch the member (`failover.watching`).

A site finds what half of its observers find: the others may not have looked yet. A member that is out already
stays out until sites disagree with its observer: that a witness is away brings nothing broken back.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from failover.decide.model import GroupKey, Plan, Policy, Snapshot, Statement


class Verdict(NamedTuple):
    """How the sites that say anything of a member divide."""

    failing: tuple[str, ...] = ()
    working: tuple[str, ...] = ()
    agreed: bool = False
    """That it fails."""
    disputed: bool = False
    """Sites outweigh those that find it failing."""

    @property
    def objection(self) -> str:
        """Why it is not acted upon, to follow `but kept`."""
        if self.working:
            return f"because {_listed(self.working)} {_verb(self.working, 'find')} it working"
        if self.failing:
            return f"because only {_listed(self.failing)} {_verb(self.failing, 'find')} it failing"
        return "because no site can judge it"

    @property
    def sentence(self) -> str:
        return f"it fails for {_listed(self.failing)}"


AGREED_BY_RULE = Verdict(agreed=True)
"""Where nobody else is asked."""


def verdict(snapshot: Snapshot, policy: Policy, key: GroupKey, node: str, *, own: bool) -> Verdict:
    """What sites find of `node` in the group `key`; `own` is whether this observer finds it failing."""
    if not policy.vantages:
        return AGREED_BY_RULE
    votes: dict[str, Counter[bool]] = {}
    words = {node, member_word(key, node), region_word(node, policy)}
    for observer in policy.watchers.get(node, policy.vantages):
        if (site := policy.vantages.get(observer)) is None:
            continue
        fails = (
            own if observer == policy.observer else _finding(snapshot.statements.get(observer), words, key)
        )
        if fails or (fails is False and observer != node):
            votes.setdefault(site, Counter())[fails] += 1
    failing = tuple(sorted(site for site, one in votes.items() if one[True] >= one[False]))
    working = tuple(sorted(site for site, one in votes.items() if one[True] < one[False]))
    return Verdict(
        failing,
        working,
        agreed=len(failing) >= policy.sites_needed and _outweighs(failing, working, policy),
        disputed=_outweighs(working, failing, policy),
    )


def is_shown_to_work(statements: Mapping[str, Statement], policy: Policy, key: GroupKey, node: str) -> bool:
    """Whether some other node that watches `node` has looked and has nothing against it."""
    words = {node, member_word(key, node), region_word(node, policy)}
    return any(
        observer != node and _finding(statements.get(observer), words, key) is False
        for observer in policy.watchers.get(node, policy.vantages)
    )


def _finding(said: Statement | None, words: set[str], key: GroupKey) -> bool | None:
    """Whether an observer finds failing what `words` name; None when it does not say."""
    if said is None or (key.kind == "entry" and not said.entries):
        return None
    fails = not words.isdisjoint(said.down)
    return fails if fails or not said.partial else None


def member_word(key: GroupKey, node: str) -> str:
    return f"{node} {key.kind} {key.pool}"


def region_word(node: str, policy: Policy) -> str:
    return f"@{policy.sites.get(node, '')}"


def statement_of(plan: Plan, policy: Policy) -> Statement:
    """What this observer has to say: failing members, in as few words as say the same.

    A node all of whose members fail is one word, and so is a region where all nodes do that are watched.
    """
    failing: dict[str, list[GroupKey]] = {}
    for key, group in plan.items():
        for node, one in group.items():
            if one.found_failing and policy.watches(node):
                failing.setdefault(node, []).append(key)
    whole = {node for node, keys in failing.items() if len(keys) == len(policy.groups_of_node.get(node, ()))}
    words = {member_word(key, node) for node in failing.keys() - whole for key in failing[node]}
    lost = {site for site, nodes in _member_nodes(policy).items() if nodes <= whole}
    words.update(f"@{site}" for site in lost)
    words.update(node for node in whole if policy.sites.get(node) not in lost)
    return Statement(frozenset(words), any(key.kind == "entry" for key in plan))


def named(statements: Iterable[Statement], policy: Policy) -> Iterator[str]:
    """The nodes that are spoken of."""
    for said in statements:
        for word in said.down:
            if word.startswith("@"):
                yield from policy.site_nodes.get(word[1:], ())
            else:
                yield word.partition(" ")[0]


def _member_nodes(policy: Policy) -> Mapping[str, set[str]]:
    """The nodes of each region that are watched and members of any group."""
    found: dict[str, set[str]] = {}
    for node in policy.groups_of_node:
        if node in policy.sites and policy.watches(node):
            found.setdefault(policy.sites[node], set()).add(node)
    return found


def _outweighs(some: Sequence[str], others: Sequence[str], policy: Policy) -> bool:
    if len(some) == len(others):
        return bool(policy.witness_sites.intersection(some))
    return len(some) > len(others)


def _listed(sites: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(sites[:-1]), sites[-1]) if part)


def _verb(sites: Sequence[str], verb: str) -> str:
    return f"{verb}s" if len(sites) == 1 else verb
