"""Rules on sections that belong to one substrate only."""

from collections.abc import Iterator

from fleet.problems import KeyPath
from fleet.spec.finding import Finding
from fleet.spec.models import Environment

_NEEDED = {
    "lab": "Add `lab:` with `application`, `operator_network` and `internet_network`.",
    "aws": "Add `aws:` with `account`, `instance_type`, `alarm_address` and `evidence`.",
}


def sections_match_the_substrate(environment: Environment) -> Iterator[Finding]:
    """Each substrate's section is needed with it and refused without it."""
    for section, remedy in _NEEDED.items():
        present = getattr(environment, section) is not None
        if environment.substrate == section and not present:
            yield Finding(("substrate",), f"`substrate: {section}` needs the section `{section}`", remedy)
        elif environment.substrate != section and present:
            yield Finding(
                (section,),
                f"the section `{section}` has no meaning with `substrate: {environment.substrate}`",
                f"Remove it, or write `substrate: {section}`.",
            )


def places_match_the_substrate(environment: Environment) -> Iterator[Finding]:
    """Every site of a fleet on AWS says where it lies; no other fleet's does."""
    sites: list[tuple[KeyPath, object]] = [
        (("regions", name), region.aws) for name, region in environment.regions.items()
    ]
    for path, place in (*sites, (("witness",), environment.witness.aws)):
        if environment.substrate == "aws" and place is None:
            yield Finding(
                path,
                "with `substrate: aws` a site must say where on AWS it lies",
                "Add `aws: {region: eu-central-1, zones: [eu-central-1a, eu-central-1b]}` with its own.",
            )
        elif environment.substrate != "aws" and place is not None:
            yield Finding(
                (*path, "aws"),
                f"the key `aws` has no meaning with `substrate: {environment.substrate}`",
                "Remove it.",
            )


def peaks_are_given_on_aws(environment: Environment) -> Iterator[Finding]:
    if environment.substrate != "aws":
        return
    for name, pool in environment.pools.items():
        if pool.peak_messages_per_hour is None:
            yield Finding(
                ("pools", name),
                f"pool `{name}` does not say how much it must carry",
                "Add `peak_messages_per_hour:`: whether a lost region leaves enough is judged by it.",
            )


def a_lab_hosts_every_domain(environment: Environment) -> Iterator[Finding]:
    if environment.substrate != "lab":
        return
    for name, domain in environment.domains.items():
        if domain.hosting != "fleet":
            yield Finding(
                ("domains", name, "hosting"),
                "in a lab nobody else could publish the domain's records",
                "Write `hosting: fleet`, or leave it out.",
            )


RULES = (
    sections_match_the_substrate,
    places_match_the_substrate,
    peaks_are_given_on_aws,
    a_lab_hosts_every_domain,
)
