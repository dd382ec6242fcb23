"""All DNS records of a fleet, as data: what is published, and what others must publish for it.

`zones()` holds what is published, `served_zones()` the part that the fleet's own name servers answer;
`reverse_names()` and `delegations()` what the owner of the address ranges and the parent zones must hold.
"""

from fleet.dns.certificates import certificate_names, challenge_name
from fleet.dns.model import DkimPublicKey, DnsError, Record, Zone, zone_digest, zone_text
from fleet.dns.mtasts import policy_host, policy_id, policy_text
from fleet.dns.outside import Delegation, delegations, reverse_names
from fleet.dns.zones import DMARC_MAILBOX, TLS_REPORT_MAILBOX, served_zones, zones

__all__ = [
    "DMARC_MAILBOX",
    "TLS_REPORT_MAILBOX",
    "Delegation",
    "DkimPublicKey",
    "DnsError",
    "Record",
    "Zone",
    "certificate_names",
    "challenge_name",
    "delegations",
    "policy_host",
    "policy_id",
    "policy_text",
    "reverse_names",
    "served_zones",
    "zone_digest",
    "zone_text",
    "zones",
]
