"""DMARC (RFC 9989): the policy of a From domain, found by walking up the DNS tree, and alignment."""

from dataclasses import dataclass
from typing import Literal

from lab.world.lookup import Lookup

Policy = Literal["none", "quarantine", "reject"]
MAX_LABELS = 8


@dataclass(frozen=True, slots=True)
class Record:
    """A published record: where it stands and the tags that matter to a receiver."""

    domain: str
    policy: Policy
    subdomain_policy: Policy
    strict_dkim: bool
    strict_spf: bool
    public_suffix: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """The organizational domain of a name, and the record that governs it (None: no DMARC)."""

    organizational_domain: str
    record: Record | None

    def policy_for(self, domain: str) -> Policy | None:
        """What the domain's owner asks for when a message is not aligned."""
        if self.record is None:
            return None
        return self.record.policy if self.record.domain == domain else self.record.subdomain_policy


async def discover(lookup: Lookup, domain: str) -> Discovery:
    """Walk from the domain towards the root; raises `TemporaryDnsError` when the DNS does not answer."""
    records = []
    for name in walk(domain):
        found = [
            record for text in await lookup(f"_dmarc.{name}", "TXT") if (record := parse_record(name, text))
        ]
        if len(found) == 1:
            records.append(found[0])
            if found[0].public_suffix in ("n", "y"):
                break
    return Discovery(_organizational_domain(domain, records), _governing(domain, records))


def walk(domain: str) -> list[str]:
    """The names to ask, longest first; a very long name is cut to seven labels after the first question."""
    labels = domain.split(".")
    names = [domain]
    rest = labels[1:] if len(labels) <= MAX_LABELS else labels[-(MAX_LABELS - 1) :]
    while rest:
        names.append(".".join(rest))
        rest = rest[1:]
    return names


def parse_record(domain: str, text: str) -> Record | None:
    """Read one TXT value; None when it is no DMARC record."""
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    tags = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if not pairs or pairs[0][0].strip() != "v" or pairs[0][2].strip() != "DMARC1":
        return None
    policy = _policy(tags.get("p", "none"))
    return Record(
        domain=domain,
        policy=policy,
        subdomain_policy=_policy(tags["sp"]) if "sp" in tags else policy,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        public_suffix=tags.get("psd", "u").lower(),
    )


def aligned(authenticated: str, author: str, same_organization: bool, strict: bool) -> bool:
    """Whether an authenticated domain vouches for the author's domain."""
    return authenticated == author or (not strict and same_organization)


def _policy(text: str) -> Policy:
    match text.lower():
        case "reject":
            return "reject"
        case "quarantine":
            return "quarantine"
        case _:
            return "none"


def _organizational_domain(domain: str, records: list[Record]) -> str:
    if not records:
        return domain
    top = records[-1]
    if top.public_suffix == "y" and top.domain != domain:
        keep = len(top.domain.split(".")) + 1
        return ".".join(domain.split(".")[-keep:])
    return top.domain


def _governing(domain: str, records: list[Record]) -> Record | None:
    if records and records[0].domain == domain:
        return records[0]
    return records[-1] if records else None
