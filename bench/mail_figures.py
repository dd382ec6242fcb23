"""From measured rounds to the figures of the mail comparison; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.usage import Reading

FLEET = "fleet"
PLAIN = "plain Postfix"
CPU_TARGET = 1.7
THROUGHPUT_TARGET_PERCENT = 60.0
VERIFIED_TARGET_PERCENT = 5.0
SATURATED_PERCENT = 90.0


@dataclass(frozen=True, slots=True)
class Round:
    """One side's turn: `accepted` said 250, `seconds_*` from the first message's start."""

    side: str
    attempted: int
    accepted: int
    delivered: int
    bounced: int
    deferrals: int
    copies: int
    verified: int
    authenticated: int
    seconds_to_accept: float
    seconds_to_deliver: float
    used: Reading


@dataclass(frozen=True, slots=True)
class Side:
    """All rounds of one side. CPU seconds are per 1,000 delivered messages."""

    rounds: int
    attempted: int
    accepted: int
    delivered: int
    bounced: int
    deferrals: int
    copies: int
    verified: int
    authenticated: int
    accepted_per_second: float
    delivered_per_second: float
    cpu_seconds_per_thousand: float
    cpu_of_each_round: tuple[float, ...]
    delivered_per_second_of_each_round: tuple[float, ...]
    breakdown: Mapping[str, float]
    """CPU seconds per 1,000 by program, those outside the side's own machines too."""

    computer_busy_percent: float
    strangers_percent: float
    """Share of the computer's time used by what is no part of the comparison."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which machines do whose work. `application` holds the sidecar, which is the fleet's."""

    fleet: tuple[str, ...]
    plain: str
    application: str
    internet: str
    cores: int

    @property
    def machines(self) -> tuple[str, ...]:
        return (*self.fleet, self.plain, self.application, self.internet)


def side_of(rounds: Sequence[Round], layout: Layout) -> Side:
    """Sum up one side's rounds; rates are medians of the rounds, costs are over all of them."""
    delivered = sum(one.delivered for one in rounds)
    thousands = max(delivered, 1) / 1000
    elapsed = sum(one.used.at for one in rounds)
    known = sum(_known(one, layout) for one in rounds)
    computer = sum(one.used.computer for one in rounds)
    return Side(
        rounds=len(rounds),
        attempted=sum(one.attempted for one in rounds),
        accepted=sum(one.accepted for one in rounds),
        delivered=delivered,
        bounced=sum(one.bounced for one in rounds),
        deferrals=sum(one.deferrals for one in rounds),
        copies=sum(one.copies for one in rounds),
        verified=sum(one.verified for one in rounds),
        authenticated=sum(one.authenticated for one in rounds),
        accepted_per_second=median(one.accepted / one.seconds_to_accept for one in rounds),
        delivered_per_second=median(one.delivered / one.seconds_to_deliver for one in rounds),
        cpu_seconds_per_thousand=sum(own_cpu_seconds(one, layout) for one in rounds) / thousands,
        cpu_of_each_round=tuple(
            1000 * own_cpu_seconds(one, layout) / max(one.delivered, 1) for one in rounds
        ),
        delivered_per_second_of_each_round=tuple(one.delivered / one.seconds_to_deliver for one in rounds),
        breakdown={
            name: seconds / thousands
            for name, seconds in _summed(breakdown(one, layout) for one in rounds).items()
        },
        computer_busy_percent=100 * computer / (elapsed * layout.cores),
        strangers_percent=100 * max(0.0, computer - known) / (elapsed * layout.cores),
    )


def own_cpu_seconds(one: Round, layout: Layout) -> float:
    """CPU seconds of the side's own machines: its mail nodes whole, for plain without its name server."""
    if one.side == FLEET:
        return one.used.of(layout.fleet)
    return one.used.of([layout.plain], without=["Knot"])


def breakdown(one: Round, layout: Layout) -> dict[str, float]:
    """CPU seconds by program during a round, of everything that is known."""
    own, other = (layout.fleet, (layout.plain,)) if one.side == FLEET else ((layout.plain,), layout.fleet)
    application, internet = one.used.by_unit([layout.application]), one.used.by_unit([layout.internet])
    sidecar = application.pop("HAProxy", 0.0)
    return {
        **one.used.by_unit(own),
        "(sidecar on the application's host)": sidecar,
        "(senders)": one.used.senders,
        "(simulated providers)": internet.pop("simulated providers", 0.0),
        "(rest of the simulated internet)": sum(internet.values()),
        "(the other side, waiting)": one.used.of(other) + sum(application.values()),
    }


def verdicts(fleet: Side, plain: Side) -> dict[str, tuple[float, float, bool]]:
    """Each target: what was measured, what is wanted, and whether it is reached."""
    cpu = fleet.cpu_seconds_per_thousand / plain.cpu_seconds_per_thousand
    throughput = 100 * fleet.delivered_per_second / plain.delivered_per_second
    verified = 100 * fleet.verified / max(fleet.delivered, 1)
    counted = 100 * (fleet.delivered + plain.delivered) / max(fleet.accepted + plain.accepted, 1)
    return {
        "CPU per message, fleet : plain": (cpu, CPU_TARGET, cpu <= CPU_TARGET),
        "delivered per second, % of plain": (
            throughput,
            THROUGHPUT_TARGET_PERCENT,
            throughput >= THROUGHPUT_TARGET_PERCENT,
        ),
        "fleet's messages verified, %": (
            verified,
            VERIFIED_TARGET_PERCENT,
            verified >= VERIFIED_TARGET_PERCENT,
        ),
        "accepted messages counted, %": (counted, 100.0, counted == 100.0),
    }


def limit(side: Side) -> str:
    """What limited the rate, in a sentence."""
    costs = sorted(side.breakdown.items(), key=lambda item: -item[1])
    total = sum(side.breakdown.values()) or 1.0
    told = ", ".join(f"{name.strip('()')} {100 * seconds / total:.0f} %" for name, seconds in costs[:4])
    if side.computer_busy_percent >= SATURATED_PERCENT:
        return f"the computer's CPU ({side.computer_busy_percent:.0f} % busy): {told}"
    return (
        f"not the CPU ({side.computer_busy_percent:.0f} % busy): waiting, for connections to providers or "
        f"for the senders' own sessions; of the CPU time used, {told}"
    )


def _known(one: Round, layout: Layout) -> float:
    return sum(breakdown(one, layout).values())


def _summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in parts:
        for name, seconds in part.items():
            found[name] = found.get(name, 0.0) + seconds
    return found
