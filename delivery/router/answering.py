"""From a socketmap question to its answer: the part that router and front share. No sockets here."""

from collections.abc import Callable

from delivery.router.admission import Admission, messages_per_second
from delivery.router.choose import Answer, choose, not_yet
from delivery.router.plan import NO_PLAN, Plan
from delivery.router.settings import Settings

NOT_FOUND = b"NOTFOUND "
PING, PONG = "ping", b"OK pong"
"""A question that is no recipient's, by which the front sees whether the router works."""


class Answering:
    """Answers for one node; `plan` may be exchanged at any time."""

    def __init__(self, settings: Settings, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self.settings = settings
        self.plan: Plan = NO_PLAN
        self._admission = Admission()
        self._clock, self._chance = clock, chance
        self._by_reply = {
            f"OK {step.transport}:".encode(): (route.path, step)
            for by_isp in settings.routes.values()
            for routes in by_isp.values()
            for route in routes
            for step in route.steps
        }

    def without_isp(self, pool: str, key: str) -> bytes | None:
        """The reply where no ISP is needed for it, else None."""
        if pool == PING:
            return PONG
        if pool not in self.settings.routes:
            return b"PERM no such pool"
        domain = domain_of(key)
        if domain is None:
            return NOT_FOUND
        fixed = self.settings.fixed.get(domain)
        return None if fixed is None else b"OK %b" % fixed.encode()

    def isp_without_lookup(self, domain: str) -> str | None:
        """The ISP of a domain that needs no look-up: a catalogued one, or an address in brackets."""
        return self.settings.default_isp if domain.startswith("[") else self.settings.domains.get(domain)

    def for_isp(self, pool: str, isp: str) -> bytes:
        """The reply for a recipient whose domain `isp` hosts."""
        routes = self.settings.routes[pool]
        return render(choose(pool, isp, routes, self.plan, self._admission, self._clock(), self._chance()))

    def note(self, reply: bytes) -> str | None:
        """Count what somebody else has answered; the ISP it was for, None where the reply does not tell."""
        found = self._by_reply.get(reply)
        if found is None:
            return None
        path, step = found
        state = self.plan.paths.get(path)
        rate = messages_per_second(step, state.messages_per_hour if state else None)
        self._admission.give(path, step, rate, self._clock())
        return path.isp


def render(answer: Answer) -> bytes:
    return b"OK %b" % answer.transport.encode()


LATE = render(not_yet("the recipient's mail exchangers are not known yet"))
UNKNOWN = render(not_yet("the recipient's mail exchangers cannot be looked up"))
"""Nobody knows where the domain's mail goes: nothing could be delivered there either."""


def domain_of(key: str) -> str | None:
    """Lower case; None for what is no address, such as the `*` that Postfix asks for now and then."""
    local, at, domain = key.rpartition("@")
    return domain.lower() if at and local and domain else None
