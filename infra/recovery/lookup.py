"""Asks AWS about every pending operation of a state."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.recovery.account import Account
from infra.recovery.judge import judge, judge_elsewhere
from infra.recovery.kinds import LOOKS, REPEATABLE, SILENTLY_TWICE
from infra.recovery.model import Pending, Verdict
from infra.recovery.state import known_ids, pending_in, written

SETTLE_SECONDS = 60.0
"""How long after a creating call AWS may still not show what it made."""


@dataclass(frozen=True)
class Chosen:
    """What the operator decides by URN: the id to adopt, or None for a creation to be forgotten."""

    ids: Mapping[str, str | None] = field(default_factory=dict)

    def verdict(self, pending: Pending) -> Verdict | None:
        if pending.urn not in self.ids or not pending.creates:
            return None
        identity = self.ids[pending.urn]
        if identity is None:
            return Verdict(pending, "forget", "you chose to forget it; the next run makes it")
        return Verdict(pending, "adopt", f"you chose it: {identity}", identity)


def verdicts(
    document: Mapping[str, Any],
    account_number: str,
    account: Account,
    chosen: Chosen,
    settle: Callable[[float], None] = time.sleep,
) -> tuple[Verdict, ...]:
    """What becomes of each operation that the state has pending; RecoveryError when AWS cannot be asked.

    `settle` waits some seconds: what AWS would make twice is believed to be missing only when that was seen
    SETTLE_SECONDS after the state was written.
    """
    pending = pending_in(document)
    asked = [one for one in pending if one.creates and one.of_aws and chosen.verdict(one) is None]
    if asked:
        account.require(account_number, asked[0].region)
    found = {one.urn: _one(one, document, account) for one in asked}
    unseen = [one for one in asked if found[one.urn].fate == "forget" and one.type in SILENTLY_TWICE]
    seconds = SETTLE_SECONDS - (datetime.now(UTC) - written(document)).total_seconds()
    if unseen and seconds > 0:
        settle(min(seconds, SETTLE_SECONDS))
        found |= {one.urn: _one(one, document, account) for one in unseen}
    return tuple(chosen.verdict(one) or found.get(one.urn) or judge_elsewhere(one) for one in pending)


def _one(pending: Pending, document: Mapping[str, Any], account: Account) -> Verdict:
    if pending.type in REPEATABLE:
        return Verdict(pending, "forget", "the next run makes it; where AWS has it, that changes nothing")
    look = LOOKS.get(pending.type)
    if look is None:
        return Verdict(pending, "doubtful", "this version of mtafleet cannot look such a thing up")
    return judge(pending, look(account, pending), known_ids(document, pending.type))
