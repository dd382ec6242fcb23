"""One primary name server: queries and signed updates (RFC 2136, TSIG) through dnspython."""

import asyncio
from collections.abc import Sequence

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

from failover.config import Primary, TsigKey
from failover.errors import ZoneConflict, ZoneError
from failover.zone import EPOCH_LABEL, Answer, Fence, RecordChange, ZoneView

TIMEOUT_SECONDS = 1.0
EPOCH_TTL_SECONDS = 1
_CONFLICTS = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)


class NameServer:
    """Speaks with one primary about one zone; without a key it can only be asked.

    Every method may raise ZoneError.
    """

    def __init__(self, primary: Primary, zone: str, key: TsigKey | None = None) -> None:
        self.name, self.address = primary.name, primary.address
        self._primary = primary
        self._zone = dns.name.from_text(zone)
        self._epoch_name = dns.name.from_text(EPOCH_LABEL, self._zone)
        self._keyring = dns.tsigkeyring.from_text({key.name: key.secret}) if key else None
        self._algorithm = dns.name.from_text(key.algorithm) if key else dns.tsig.default_algorithm

    async def serial(self) -> int:
        """The zone's serial number on this primary."""
        response = await self._ask(self._zone, dns.rdatatype.SOA)
        found = response.get_rrset(response.answer, self._zone, dns.rdataclass.IN, dns.rdatatype.SOA)
        if found is None:
            raise ZoneError(f"{self.name} does not serve the zone {self._zone}")
        return int(found[0].serial)

    async def view(self, names: Sequence[str]) -> ZoneView:
        """The serial, then epoch and A records; an update in between shows as a conflict later."""
        serial = await self.serial()
        epoch = await self._epoch()
        answers = await asyncio.gather(*(self._answer(name) for name in names))
        return ZoneView(serial, dict(zip(names, answers, strict=True)), epoch)

    async def update(self, changes: Sequence[RecordChange], fence: Fence) -> None:
        """Make all of `changes` in one atomic update; ZoneConflict when the world is not as observed."""
        message = dns.update.UpdateMessage(self._zone, keyring=self._keyring, keyalgorithm=self._algorithm)
        _add_fence(message, self._epoch_name, fence)
        for change in changes:
            _add_change(message, change)
        try:
            response = await dns.asyncquery.tcp(
                message, self._primary.address, timeout=TIMEOUT_SECONDS, port=self._primary.port
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise ZoneError(f"{self.name} did not take the update: {_why(error)}") from None
        if response.rcode() in _CONFLICTS:
            raise ZoneConflict(f"{self.name} was changed by another writer first")
        if response.rcode() != dns.rcode.NOERROR:
            raise ZoneError(f"{self.name} refused the update: {dns.rcode.to_text(response.rcode())}")

    async def _answer(self, name: str) -> Answer:
        qname = dns.name.from_text(name)
        response = await self._ask(qname, dns.rdatatype.A)
        found = response.get_rrset(response.answer, qname, dns.rdataclass.IN, dns.rdatatype.A)
        if found is None:
            return Answer()
        return Answer(frozenset(rdata.address for rdata in found), found.ttl)

    async def _epoch(self) -> int | None:
        name = self._epoch_name
        response = await self._ask(name, dns.rdatatype.TXT)
        found = response.get_rrset(response.answer, name, dns.rdataclass.IN, dns.rdatatype.TXT)
        if found is None:
            return None
        texts = [b"".join(rdata.strings) for rdata in found]
        if len(texts) != 1 or not texts[0].isdigit():
            raise ZoneError(f"{self.name}: the TXT record {name} holds no epoch: delete it")
        return int(texts[0])

    async def _ask(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype, flags=0)
        try:
            # A server that limits its rate answers "truncated": ask again by TCP, never take it for empty.
            response, _ = await dns.asyncquery.udp_with_fallback(
                query, self._primary.address, timeout=TIMEOUT_SECONDS, port=self._primary.port
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise ZoneError(f"{self.name} did not answer: {_why(error)}") from None
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise ZoneError(f"{self.name} answered {dns.rcode.to_text(response.rcode())} for {name}")
        if not response.flags & dns.flags.AA:
            raise ZoneError(f"{self.name} is no authority for {name}")
        return response


def _add_fence(message: dns.update.UpdateMessage, name: dns.name.Name, fence: Fence) -> None:
    """The observed epoch as prerequisite, then the writer's own."""
    if fence.before is None:
        message.absent(name, "TXT")
    else:
        message.present(name, "TXT", f'"{fence.before}"')
    if fence.rises:
        message.delete(name, "TXT")
        message.add(name, EPOCH_TTL_SECONDS, "TXT", f'"{fence.after}"')


def _add_change(message: dns.update.UpdateMessage, change: RecordChange) -> None:
    """The observed answer as prerequisite, then the new one."""
    name = dns.name.from_text(change.name)
    if change.before.addresses:
        for address in sorted(change.before.addresses):
            message.present(name, "A", address)
    else:
        message.absent(name, "A")
    message.delete(name, "A")
    for address in sorted(change.after.addresses):
        message.add(name, change.after.ttl_seconds, "A", address)


def _why(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
