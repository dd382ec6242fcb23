"""Which of the things AWS shows is what a killed run was making: a pure judgement, on the safe side.

Adopting a stranger's resource or making an Elastic IP twice costs more than a question, so all that is not
plain is `doubtful`.
"""

from collections.abc import Collection, Mapping, Sequence

from infra.recovery.model import Candidate, Pending, Verdict

REPEATED = "AWS has none; the next run makes it"
WITHOUT_TRACE = "exists in the state only; the next run makes it"


def judge(pending: Pending, found: Sequence[Candidate], known: Collection[str]) -> Verdict:
    """What becomes of a pending creation in AWS.

    `known` are the ids of the same type that the state has already: those are not what it was making.
    """
    free = tuple(one for one in found if one.id not in known)
    if not free:
        return Verdict(pending, "forget", REPEATED)
    if len(free) > 1:
        return Verdict(pending, "doubtful", f"AWS has {len(free)} that it could be", candidates=free)
    (only,) = free
    differs = [*only.differs, *_other_tags(pending, only.tags)]
    if differs:
        return Verdict(pending, "doubtful", f"AWS has one that {' and '.join(differs)}", candidates=free)
    return Verdict(pending, "adopt", f"AWS has made it: {only.id}", only.id)


def judge_elsewhere(pending: Pending) -> Verdict:
    """What becomes of a pending operation that needs no look at AWS."""
    if not pending.creates:
        return Verdict(pending, "read", f"{pending.operation} was not finished; it is read anew")
    return Verdict(pending, "forget", WITHOUT_TRACE)


def _other_tags(pending: Pending, tags: Mapping[str, str] | None) -> Sequence[str]:
    """In which way tags differ from those asked for; AWS's own (`aws:...`) count nowhere."""
    if tags is None:
        return ()
    wanted = pending.inputs.get("tagsAll") or pending.inputs.get("tags") or {}
    actual = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    different = sorted(key for key in {*wanted, *actual} if wanted.get(key) != actual.get(key))
    return (f"has another tag {', '.join(different)}",) if different else ()
