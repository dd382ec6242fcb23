"""Which addresses the inbound instance takes mail for, and where it puts it."""

import re
from typing import Any

from fleet import canary
from fleet.certificates import CHAIN_FILE, KEY_FILE
from fleet.dns.zones import DMARC_MAILBOX, TLS_REPORT_MAILBOX
from fleet.inventory import NodeModel
from fleet.return_path import LOCAL_PART, TOKEN_PATTERN
from fleet.topology import INBOUND_PORT, INBOUND_PROBE_PORT

ROLE_MAILBOXES = ("abuse", "postmaster")
"""Every domain that takes mail has these (RFC 2142)."""


def scope(node: NodeModel) -> dict[str, Any]:
    """The domains, `mailboxes` as (pattern of the address, maildir) pairs, ports and certificate files."""
    environment = node.environment
    return_paths = [f"{spec.return_path}.{name}" for name, spec in environment.domains.items()]
    operator = environment.operator.domain
    mailboxes = [
        (f"{LOCAL_PART}\\+{TOKEN_PATTERN}@{re.escape(domain)}", f"{domain}/{LOCAL_PART}/")
        for domain in return_paths
    ]
    plain = [f"{user}@{domain}" for domain in (*return_paths, operator) for user in ROLE_MAILBOXES]
    plain += [f"{user}@{operator}" for user in (DMARC_MAILBOX, TLS_REPORT_MAILBOX)]
    if environment.operator.contact.endswith(f"@{operator}"):
        plain.append(environment.operator.contact)
    mailboxes += [(re.escape(one), "/".join([*reversed(one.split("@")), ""])) for one in dict.fromkeys(plain)]
    return {
        "inbound_domains": [*return_paths, operator],
        "mailboxes": mailboxes,
        "canaries": [
            address for address, home in canary.recipients(node.fleet).items() if home.name == node.name
        ],
        "canary_port": canary.ARRIVAL_PORT,
        "inbound_port": INBOUND_PORT,
        "inbound_probe_port": INBOUND_PROBE_PORT,
        "chain_file": CHAIN_FILE,
        "key_file": KEY_FILE,
    }
