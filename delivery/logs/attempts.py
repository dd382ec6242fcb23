"""Deliveries as the fleet reckons with them: on which path, how it ended, what the reply means."""

from collections.abc import Callable, Mapping

from delivery.logs.events import Delivery
from delivery.model import LOCAL_WAIT_TEXT, Attempt, Meaning, Outcome, Path, Reply
from delivery.replies.parse import parse_reply

NOT_ASKED = (LOCAL_WAIT_TEXT, "delivery temporarily suspended: ")
"""How texts begin when nobody was asked: by our word, or as Postfix had given the destination up for now."""
_OUTCOMES = {
    "sent": Outcome.DELIVERED,
    "deferred": Outcome.DEFERRED,
    "SOFTBOUNCE": Outcome.DEFERRED,
    "bounced": Outcome.BOUNCED,
}
_ASKING = ("smtp", "lmtp")

Classify = Callable[[str, Reply], Meaning]
IspOf = Callable[[str], str]


class Attempts:
    """Makes attempts of the deliveries that one node's log tells of."""

    def __init__(
        self,
        node: str,
        paths: Mapping[str, tuple[str, Path]],
        isp_of: IspOf,
        classify: Classify,
    ) -> None:
        """`paths`: a transport's name -> (pool, path); `isp_of`: a recipient's domain -> an ISP's name."""
        self._node = node
        self._paths = paths
        self._isp_of = isp_of
        self._classify = classify

    def of(self, event: Delivery) -> Attempt | None:
        """None for what says nothing of receivers: probes, hand-overs to peers, local and inbound mail."""
        outcome = _OUTCOMES.get(event.status)
        waited = outcome is Outcome.DEFERRED and event.text.startswith(NOT_ASKED)
        path = self._paths.get(event.origin.label)
        if outcome is None or not (waited or (path and event.origin.program in _ASKING)):
            return None
        domain = event.recipient.rpartition("@")[2].lower()
        if path is None:
            pool = event.origin.instance.partition("-")[2]
            path = pool, Path("", self._isp_of(domain))
        reply = None if outcome is Outcome.DELIVERED or waited else parse_reply(event.text)
        return Attempt(
            at=event.at,
            node=self._node,
            pool=path[0],
            queue_id=event.queue_id,
            recipient_domain=domain,
            path=path[1],
            outcome=Outcome.WAITED if waited else outcome,
            exchanger=event.exchanger,
            reply=reply,
            meaning=None if reply is None else self._classify(path[1].isp, reply),
            age_seconds=event.delay_seconds,
        )
