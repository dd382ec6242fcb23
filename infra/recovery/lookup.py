"""Asks AWS about every pending operation of a state."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.recovery.account import Account
from infra.recovery.chosen import Chosen
from infra.recovery.judge import judge, judge_chosen, judge_elsewhere
from infra.recovery.kinds import LOOKS, REPEATABLE, SILENTLY_TWICE, by_id
from infra.recovery.model import Pending, Verdict
from infra.recovery.settling import unsettled_seconds
from infra.recovery.state import known_ids, pending_in


def verdicts(
    document: Mapping[str, Any],
    account_number: str,
    account: Account,
    chosen: Chosen,
    settle: Callable[[float], None] = time.sleep,
) -> tuple[Verdict, ...]:
    """What becomes of each operation that the state has pending; RecoveryError when AWS cannot be asked.

    `settle` waits some seconds: what AWS would make twice is believed to be missing only when that was seen
    a settled time after the state was written.
    """
    pending = pending_in(document)
    found = {one.key: verdict for one in pending if (verdict := _unasked(one, chosen)) is not None}
    asked = [one for one in pending if one.key not in found]
    if asked:
        account.require(account_number, [one.region for one in asked])
    found |= {one.key: _one(one, document, account, chosen) for one in asked}
    unseen = [one for one in asked if found[one.key].fate == "forget" and one.type in SILENTLY_TWICE]
    if unseen and (seconds := unsettled_seconds(document)) > 0:
        settle(seconds)
        found |= {one.key: _one(one, document, account, chosen) for one in unseen}
    return tuple(found[one.key] for one in pending)


def _unasked(pending: Pending, chosen: Chosen) -> Verdict | None:
    """What becomes of an operation without a look at AWS; None when it takes one."""
    if not pending.creates or not pending.of_aws:
        return judge_elsewhere(pending)
    if chosen.left_out.covers(pending):
        return Verdict(pending, "leave", f"{pending.region} is left out; it stays pending")
    if pending.urn in chosen.ids and chosen.ids[pending.urn] is None:
        return Verdict(pending, "forget", "you chose to forget it; the next run makes it")
    return None


def _one(pending: Pending, document: Mapping[str, Any], account: Account, chosen: Chosen) -> Verdict:
    if pending.urn in chosen.ids:
        return as_chosen(pending, document, account, chosen)
    if pending.type in REPEATABLE:
        return Verdict(pending, "forget", "the next run makes it; where AWS has it, that changes nothing")
    look = LOOKS.get(pending.type)
    if look is None:
        return Verdict(pending, "doubtful", "this version of mtafleet cannot look such a thing up")
    return judge(pending, look(account, pending), known_ids(document, pending.type))


def as_chosen(pending: Pending, document: Mapping[str, Any], account: Account, chosen: Chosen) -> Verdict:
    """What becomes of a creation whose id the operator names: it is looked at, not taken on trust."""
    identity = chosen.ids[pending.urn] or ""
    found = by_id(account, pending, identity)
    known = known_ids(document, pending.type)
    return judge_chosen(pending, identity, found, known, anyway=pending.urn in chosen.anyway)
