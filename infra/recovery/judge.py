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


def judge_chosen(
    pending: Pending, chosen: str, found: Candidate | None, known: Collection[str], *, anyway: bool
) -> Verdict:
    """What becomes of a creation that the operator says has made `chosen`, which AWS shows as `found`.

    `anyway` is their word that it may differ from what was asked for. What does not exist, or is another
    resource's in the state, is not theirs to choose.
    """
    if chosen in known:
        return Verdict(pending, "doubtful", f"you chose {chosen}, which the state has as something else")
    if found is None:
        where = f" in {pending.region}" if pending.region else ""
        return Verdict(pending, "doubtful", f"you chose {chosen}, but AWS has no such {pending.type}{where}")
    differs = [*found.differs, *_other_tags(pending, found.tags)]
    if differs and not anyway:
        why = f"you chose {chosen}, which {' and '.join(differs)}: if it is it all the same, --adopt-anyway"
        return Verdict(pending, "doubtful", why, candidates=(found,))
    return Verdict(pending, "adopt", f"you chose it: {chosen}", chosen)


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
    return [
        f"has {_told(key, actual)} instead of {_told(key, wanted)}"
        for key in sorted({*wanted, *actual})
        if wanted.get(key) != actual.get(key)
    ]


def _told(key: str, tags: Mapping[str, str]) -> str:
    return f"the tag {key}={tags[key]}" if key in tags else f"no tag {key}"
