"""Names the fleet needs certificates for, and where their ACME challenges are answered.

Challenges are DNS-01. Each `_acme-challenge` name is a CNAME into one zone that nodes may update, so
that no other zone has to be writable.
"""

from fleet.dns.mtasts import policy_host
from fleet.topology import Fleet


def certificate_names(fleet: Fleet) -> tuple[str, ...]:
    """Submission names, mail exchangers, and the hosts of MTA-STS policies, sorted."""
    names = {pool.submission_name for pool in fleet.pools}
    names.update(fleet.mx_name(node) for node in fleet.mta_nodes)
    names.add(fleet.sts_name)
    names.update(policy_host(domain) for domain in policy_domains(fleet))
    return tuple(sorted(names))


def policy_domains(fleet: Fleet) -> dict[str, str]:
    """The domains that take mail and publish an MTA-STS policy, each with its mode."""
    environment = fleet.environment
    modes = {environment.operator.domain: environment.operator.mta_sts}
    for domain, sending in environment.domains.items():
        modes[f"{sending.return_path}.{domain}"] = sending.mta_sts
    return {domain: mode for domain, mode in modes.items() if mode != "none"}


def challenge_name(fleet: Fleet, name: str) -> str:
    """Where the TXT record that proves control of `name` is put."""
    return f"{name}.{fleet.acme_zone}"
