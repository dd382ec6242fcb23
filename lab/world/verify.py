"""Verification of a received message: SPF, DKIM, DMARC alignment, forward-confirmed reverse DNS."""

import asyncio
import re
from dataclasses import asdict, dataclass
from email.utils import getaddresses

import dkim

from lab.world import dmarc, spf
from lab.world.lookup import Lookup, TemporaryDnsError
from lab.world.session import Message

MAX_SIGNATURES = 5
_HEADER_END = b"\r\n\r\n"
_TAG = re.compile(rb"(?:^|;)\s*([a-z]+)\s*=\s*([^;]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Authentication:
    """What verification found. `dkim_domains` are those of valid signatures."""

    spf: spf.Result
    spf_domain: str
    dkim_domains: tuple[str, ...]
    signatures: int
    author_domain: str
    dmarc_policy: dmarc.Policy | None
    spf_aligned: bool
    dkim_aligned: bool
    ptr_name: str | None
    """The client's name when reverse and forward records agree."""

    temporary_error: bool = False

    @property
    def aligned(self) -> bool:
        """Whether SPF or DKIM passes for the author's domain."""
        return self.spf_aligned or self.dkim_aligned

    def as_record(self) -> dict[str, object]:
        """For the event file."""
        return asdict(self)


async def verify(lookup: Lookup, message: Message) -> Authentication:
    """Verify one message; DNS trouble shows as `temporary_error`, never as an exception."""
    headers = header_fields(message.content)
    author = author_domain(headers)
    spf_domain = message.sender.rpartition("@")[2].lower() if message.sender else message.helo.lower()
    (
        result,
        (ptr_name, ptr_trouble),
        (signers, signatures, dkim_trouble),
        (found, same, dmarc_trouble),
    ) = await asyncio.gather(
        spf.check_host(lookup, message.source, spf_domain, message.sender, message.helo),
        confirmed_name(lookup, message.source),
        valid_signers(lookup, message.content, headers),
        _organizations(lookup, author, spf_domain, headers),
    )
    record = found.record if found else None
    spf_aligned = result == "pass" and dmarc.aligned(
        spf_domain, author, spf_domain in same, bool(record and record.strict_spf)
    )
    dkim_aligned = any(
        dmarc.aligned(domain, author, domain in same, bool(record and record.strict_dkim))
        for domain in signers
    )
    return Authentication(
        spf=result,
        spf_domain=spf_domain,
        dkim_domains=signers,
        signatures=signatures,
        author_domain=author,
        dmarc_policy=found.policy_for(author) if found else None,
        spf_aligned=spf_aligned,
        dkim_aligned=dkim_aligned,
        ptr_name=ptr_name,
        temporary_error=result == "temperror" or ptr_trouble or dkim_trouble or dmarc_trouble,
    )


def header_fields(content: bytes) -> list[tuple[str, bytes]]:
    """Header fields in order: name in lower case, value unfolded."""
    end = content.find(_HEADER_END)
    head = content if end < 0 else content[: end + 2]
    fields = []
    for line in re.split(rb"\r\n(?![ \t])", head):
        name, colon, value = line.partition(b":")
        if colon and name:
            text = re.sub(rb"\r\n[ \t]+", b" ", value).strip()
            fields.append((name.decode("ascii", "replace").strip().lower(), text))
    return fields


def author_domain(headers: list[tuple[str, bytes]]) -> str:
    """The domain of the only From address; "" when there is none or more than one."""
    values = [value.decode("utf-8", "replace") for name, value in headers if name == "from"]
    addresses = [address for _, address in getaddresses(values) if "@" in address]
    return addresses[0].rpartition("@")[2].lower() if len(values) == 1 and len(addresses) == 1 else ""


async def confirmed_name(lookup: Lookup, source: str) -> tuple[str | None, bool]:
    """A name whose forward record leads back to the address, and whether the DNS failed to answer."""
    pointer = ".".join(reversed(source.split("."))) + ".in-addr.arpa"
    try:
        for name in (await lookup(pointer, "PTR"))[: spf.MAX_NAMES]:
            if source in await lookup(name, "A"):
                return name, False
    except TemporaryDnsError:
        return None, True
    return None, False


async def valid_signers(
    lookup: Lookup, content: bytes, headers: list[tuple[str, bytes]]
) -> tuple[tuple[str, ...], int, bool]:
    """Domains with a valid signature, the number of signatures, and whether the DNS failed to answer."""
    signatures = [_tags(value) for name, value in headers if name == "dkim-signature"][:MAX_SIGNATURES]
    keys: dict[bytes, bytes] = {}
    trouble = False
    for tags in signatures:
        name = tags.get(b"s", b"") + b"._domainkey." + tags.get(b"d", b"") + b"."
        try:
            texts = await lookup(name.decode("ascii", "replace").rstrip("."), "TXT")
        except TemporaryDnsError:
            trouble = True
            continue
        if texts:
            keys[name] = texts[0].encode()
    signers = [
        tags.get(b"d", b"").decode("ascii", "replace").lower()
        for index, tags in enumerate(signatures)
        if _signature_holds(content, index, keys)
    ]
    return tuple(dict.fromkeys(signers)), len(signatures), trouble


def _signature_holds(content: bytes, index: int, keys: dict[bytes, bytes]) -> bool:
    def fetch(name: bytes, timeout: int = 5) -> bytes | None:
        return keys.get(name)

    try:
        return bool(dkim.DKIM(content, minkey=1024).verify(idx=index, dnsfunc=fetch))
    except Exception:
        return False


def _tags(value: bytes) -> dict[bytes, bytes]:
    return {name: re.sub(rb"\s+", b"", text) for name, text in _TAG.findall(value)}


async def _organizations(
    lookup: Lookup, author: str, spf_domain: str, headers: list[tuple[str, bytes]]
) -> tuple[dmarc.Discovery | None, set[str], bool]:
    """The author's DMARC discovery, and which of the other domains belong to the same organization."""
    if not author:
        return None, set(), False
    signers = {
        _tags(value).get(b"d", b"").decode("ascii", "replace").lower()
        for name, value in headers
        if name == "dkim-signature"
    }
    try:
        found = await dmarc.discover(lookup, author)
        same = set()
        for domain in {spf_domain, *signers} - {""}:
            other = await dmarc.discover(lookup, domain)
            if other.organizational_domain == found.organizational_domain:
                same.add(domain)
    except TemporaryDnsError:
        return None, set(), True
    return found, same, False
