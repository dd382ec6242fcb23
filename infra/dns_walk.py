"""Follows delegations from the root servers down, as a resolver does, and remembers them."""

from collections.abc import Callable

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

Ask = Callable[[str, str, str], dns.message.Message]
"""`(server address, name, type) -> message`; raises OSError or DNSException."""

MOST_STEPS = 16


class WalkError(Exception):
    """No server on the way could be made to answer; the text says where it ended."""


class Walk:
    """One walk's memory: which servers answer for which zone."""

    def __init__(self, root_servers: tuple[str, ...], ask: Ask) -> None:
        self._ask = ask
        self._servers: dict[dns.name.Name, tuple[str, ...]] = {dns.name.root: root_servers}
        self._delegations: dict[dns.name.Name, tuple[tuple[str, str], ...]] = {}
        self._silent: set[str] = set()
        """Servers that did not answer when they were asked last; others are asked before them."""

    def message(self, name: str, type_: str) -> dns.message.Message:
        """The authoritative message for a question; aliases are not followed. Raises WalkError."""
        wanted = dns.name.from_text(name)
        for _step in range(MOST_STEPS):
            zone = self._nearest(wanted)
            message = self._ask_any(zone, name, type_)
            if not self._learn(message, zone, wanted):
                return message
        raise WalkError(f"more than {MOST_STEPS} referrals on the way to {name}")

    def delegation(self, zone: str) -> tuple[tuple[str, str], ...]:
        """Name servers and addresses as the parent of `zone` gives them. Raises WalkError."""
        wanted = dns.name.from_text(zone)
        if wanted not in self._delegations:
            self.message(zone, "SOA")
        return self._delegations.get(wanted, ())

    def _nearest(self, name: dns.name.Name) -> dns.name.Name:
        while name not in self._servers:
            name = name.parent()
        return name

    def _ask_any(self, zone: dns.name.Name, name: str, type_: str) -> dns.message.Message:
        reasons = []
        for server in sorted(self._servers[zone], key=lambda one: one in self._silent):
            try:
                message = self._ask(server, name, type_)
            except (OSError, dns.exception.DNSException) as error:
                self._silent.add(server)
                reasons.append(f"{server}: {error or type(error).__name__}")
                continue
            self._silent.discard(server)
            if message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return message
            reasons.append(f"{server}: {dns.rcode.to_text(message.rcode())}")
        raise WalkError(f"no server of {zone} answers: " + "; ".join(reasons))

    def _learn(self, message: dns.message.Message, zone: dns.name.Name, wanted: dns.name.Name) -> bool:
        """Whether the message was a referral to a zone nearer to `wanted`, which is now known."""
        if message.answer:
            return False
        for rrset in message.authority:
            nearer = rrset.name != zone and rrset.name.is_subdomain(zone) and wanted.is_subdomain(rrset.name)
            if rrset.rdtype == dns.rdatatype.NS and nearer:
                names = sorted(record.target for record in rrset)
                pairs = tuple(
                    (name, address)
                    for name in names
                    for address in self._addresses(message, name, below=rrset.name)
                )
                if not pairs:
                    raise WalkError(f"the name servers of {rrset.name} have no address")
                self._delegations[rrset.name] = tuple(
                    (name.to_text(omit_final_dot=True), address) for name, address in pairs
                )
                self._servers[rrset.name] = tuple(address for _name, address in pairs)
                return True
        return False

    def _addresses(
        self, message: dns.message.Message, name: dns.name.Name, *, below: dns.name.Name
    ) -> list[str]:
        """From glue, or by a walk of its own for a server outside the zone it serves."""
        rrsets = [one for one in message.additional if one.name == name and one.rdtype == dns.rdatatype.A]
        if not rrsets and not name.is_subdomain(below):
            found = self.message(name.to_text(), "A")
            rrsets = [one for one in found.answer if one.name == name and one.rdtype == dns.rdatatype.A]
        return sorted(record.address for one in rrsets for record in one)
