"""Records and zones as values, and their text in a zone file."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from fleet.errors import MtafleetError

LONGEST_STRING_BYTES = 255
"""RFC 1035: a TXT record is a sequence of strings no longer than this."""

REFRESH_SECONDS = 3600
RETRY_SECONDS = 600
EXPIRE_SECONDS = 1_209_600


ZoneKind = Literal["static", "steered", "acme"]


class DnsError(MtafleetError):
    """Records cannot be derived or published as the environment asks."""


@dataclass(frozen=True, slots=True)
class DkimPublicKey:
    """A public key as DNS shows it."""

    algorithm: Literal["rsa", "ed25519"]
    base64: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `name` without its final dot, `value` as a zone file writes it."""

    name: str
    type: str
    value: str
    ttl_seconds: int


@dataclass(frozen=True)
class Zone:
    """A zone without its SOA serial, which belongs to whoever publishes it.

    `static` zones are shipped by configuration and replaced as a whole. `steered` and `acme` zones
    are created once, with `records` as their first content, and changed by DNS UPDATE afterwards.
    """

    name: str
    kind: ZoneKind
    primary: str
    """The name server the SOA names."""
    contact: str
    """A mail address."""
    negative_ttl_seconds: int
    records: tuple[Record, ...]

    def soa_value(self, serial: int) -> str:
        """The SOA record's value; `serial` is 32 bits, compared as RFC 1982 says."""
        local, _, domain = self.contact.partition("@")
        mailbox = f"{local.replace('.', chr(92) + '.')}.{domain}."
        return (
            f"{self.primary}. {mailbox} {serial} {REFRESH_SECONDS} {RETRY_SECONDS} "
            f"{EXPIRE_SECONDS} {self.negative_ttl_seconds}"
        )


def txt(text: str) -> str:
    """The value of a TXT record, split into strings of at most 255 bytes."""
    content = text.encode("ascii")
    pieces = [
        content[start : start + LONGEST_STRING_BYTES]
        for start in range(0, max(len(content), 1), LONGEST_STRING_BYTES)
    ]
    quoted = (piece.decode().replace("\\", "\\\\").replace('"', '\\"') for piece in pieces)
    return " ".join(f'"{piece}"' for piece in quoted)


def txt_text(value: str) -> str:
    """The text of a TXT record's value, its strings joined as receivers join them."""
    return b"".join(_rdata("TXT", value).strings).decode()  # type: ignore[attr-defined]


def canonical_value(type_: str, value: str) -> str:
    """The value as the DNS library writes it, so that equal values compare equal."""
    return str(_rdata(type_, value).to_text())


def zone_text(zone: Zone, serial: int) -> str:
    """The zone as a master file; the same zone and serial give the same bytes."""
    soa = Record(zone.name, "SOA", zone.soa_value(serial), zone.negative_ttl_seconds)
    lines = [f"$ORIGIN {zone.name}."]
    lines += [_line(record) for record in (soa, *sorted(zone.records, key=_order))]
    return "\n".join(lines) + "\n"


def zone_digest(zone: Zone) -> str:
    """Changes exactly when the zone's content does, whatever its serial."""
    return sha256(zone_text(zone, 0).encode()).hexdigest()


def _order(record: Record) -> tuple[bool, dns.name.Name, bool, str, str]:
    """Name servers first, then names in DNSSEC's order, which keeps a node's names together."""
    name = dns.name.from_text(record.name)
    return record.type != "NS", name, record.type == "TXT", record.type, record.value


def _line(record: Record) -> str:
    return f"{record.name}. {record.ttl_seconds} IN {record.type} {record.value}"


def _rdata(type_: str, value: str) -> dns.rdata.Rdata:
    try:
        return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(type_), value)
    except dns.exception.DNSException as error:
        raise DnsError(f"{type_} record `{value}` is malformed: {error}") from error
