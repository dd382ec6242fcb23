"""Whether a provider takes a verified message, by the demands it publishes. Pure."""

from lab.world.providers import Demands, Refusal
from lab.world.verify import Authentication


def judge(demands: Demands, found: Authentication, *, bulk: bool) -> Refusal | None:
    """The first demand that is not met, None when all are.

    `bulk` says that the author's domain has passed the provider's daily number for bulk senders. DNS trouble
    is never held against the sender.
    """
    if demands.ptr != "ignore" and found.ptr_name is None and not found.temporary_error:
        return "ptr"
    if found.temporary_error:
        return None
    if demands.spf_or_dkim == "reject" and found.spf != "pass" and not found.dkim_domains:
        return "unauthenticated"
    if found.dmarc_policy == "reject" and not found.aligned:
        return "dmarc_policy"
    return _bulk(found) if bulk else None


def _bulk(found: Authentication) -> Refusal | None:
    if found.spf != "pass":
        return "spf"
    if not found.dkim_domains:
        return "dkim"
    if found.dmarc_policy is None:
        return "dmarc_missing"
    return None if found.aligned else "alignment"
