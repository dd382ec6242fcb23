"""The fleet's own name servers: does each answer what was planned, to be kept as long as planned?

Servers that all do agree with each other. One question at each look, in turn; names that failover steers are
the keeper's (`failover.keeper`). Each server counts serials of its own, so they are compared with its last
one only: they never go back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from failover.checks.board import Finding, State
from failover.checks.settings import PlannedAnswer, Server
from failover.zone import is_later

CHECK = "name server"
ANSWER_SECONDS = 2.0
MOST_TOLD = 3


@dataclass(slots=True)
class NameServerCheck:
    """Asks one server about one name after the other; of each zone in `zones` also for its serial."""

    server: Server
    planned: Sequence[PlannedAnswer]
    zones: Sequence[str]
    interval_seconds: float
    _turn: int = 0
    _wrong: dict[str, str] = field(default_factory=dict)
    """What is not as planned, by question."""
    _serials: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{CHECK} {self.server.name}"

    @property
    def target(self) -> str:
        return self.server.address

    async def look(self) -> list[Finding]:
        questions = len(self.planned) + len(self.zones)
        place, self._turn = self._turn % questions, self._turn + 1
        if place < len(self.planned):
            one = self.planned[place]
            problem, silent = await self._compare(one)
            self._note(f"{one.name} {one.type}", problem)
        else:
            zone = self.zones[place - len(self.planned)]
            problem, silent = await self._check_serial(zone)
            self._note(f"{zone} SOA", problem)
        if silent:
            return [Finding(CHECK, self.server.name, State.BAD, f"{self.server.name} {problem}")]
        if self._wrong:
            told = [f"{question} {wrong}" for question, wrong in list(self._wrong.items())[:MOST_TOLD]]
            more = f"; and {len(self._wrong) - MOST_TOLD} more" if len(self._wrong) > MOST_TOLD else ""
            said = f"{self.server.name} is not as planned: {'; '.join(told)}{more}"
            return [Finding(CHECK, self.server.name, State.BAD, said)]
        said = f"{self.server.name} answers as planned"
        return [Finding(CHECK, self.server.name, State.GOOD, said)]

    def _note(self, question: str, problem: str | None) -> None:
        if problem is None:
            self._wrong.pop(question, None)
        else:
            self._wrong[question] = problem

    async def _compare(self, planned: PlannedAnswer) -> tuple[str | None, bool]:
        """What is wrong, and whether there was no answer at all."""
        response = await self._ask(planned.name, planned.type)
        if isinstance(response, str):
            return response, True
        if (problem := _refusal(response)) is not None:
            return problem, False
        name, rdtype = dns.name.from_text(planned.name), dns.rdatatype.from_text(planned.type)
        sections = [*response.answer, *response.authority]  # a delegation's NS stand in the second
        found = next((one for one in sections if one.name == name and one.rdtype == rdtype), None)
        values: list[dns.rdata.Rdata] = list(found or ())
        wanted = [dns.rdata.from_text("IN", planned.type, value) for value in planned.values]
        if _canonical(values) != _canonical(wanted):
            return f"is {_listed(values)}, not {_listed(wanted)}", False
        if found in response.answer and not response.flags & dns.flags.AA:
            return "is answered without authority", False
        if found is not None and found.ttl != planned.ttl_seconds:
            return f"may be kept {found.ttl} s, not {planned.ttl_seconds} s", False
        return None, False

    async def _check_serial(self, zone: str) -> tuple[str | None, bool]:
        response = await self._ask(zone, "SOA")
        if isinstance(response, str):
            return response, True
        if (problem := _refusal(response)) is not None:
            return problem, False
        name = dns.name.from_text(zone)
        found = response.get_rrset(response.answer, name, dns.rdataclass.IN, dns.rdatatype.SOA)
        if found is None or not response.flags & dns.flags.AA:
            return "is not served", False
        before, serial = self._serials.get(zone), int(found[0].serial)
        self._serials[zone] = serial
        if before is not None and serial != before and not is_later(serial, before):
            return f"went back from serial {before} to {serial}", False
        return None, False

    async def _ask(self, name: str, rdtype: str) -> dns.message.Message | str:
        query = dns.message.make_query(dns.name.from_text(name), rdtype, flags=0)
        try:
            response, _ = await dns.asyncquery.udp_with_fallback(
                query, self.server.address, timeout=ANSWER_SECONDS, port=self.server.port
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            late = isinstance(error, dns.exception.Timeout)
            return f"gives no answer{f' within {ANSWER_SECONDS:g} s' if late else f': {error}'}"
        return response


def _refusal(response: dns.message.Message) -> str | None:
    if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    return f"is answered with {dns.rcode.to_text(response.rcode())}"


def _canonical(values: Sequence[dns.rdata.Rdata]) -> set[bytes]:
    return {one.to_digestable(dns.name.root) for one in values}


def _listed(values: Sequence[dns.rdata.Rdata]) -> str:
    text = ", ".join(sorted(one.to_text() for one in values)) or "nothing"
    return text if len(text) <= 100 else f"{text[:97]}..."
