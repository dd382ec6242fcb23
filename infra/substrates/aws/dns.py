"""Zones in Route 53, their records, and the DKIM keys of sending domains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import pulumi
import pulumi_aws as aws

from fleet.dns.hosted import HostedZone, RecordSet
from fleet.dns.model import DkimPublicKey
from infra.resources import PrivateKey
from infra.substrates.aws.cloud import Cloud

DKIM_ALGORITHM = "rsa2048"  # as in every other fleet: see infra/components.py
AS_FOUND = ["comment", "delegationSetId", "forceDestroy", "tags", "vpcs"]
"""What stays as it is on a zone that the account had before."""

Shape = Callable[[RecordSet, Sequence[str]], list[str]]
PublicIps = Mapping[IPv4Address, pulumi.Input[str]]


@dataclass(frozen=True)
class DomainArgs:
    """The domain's records, whether Route 53 publishes them, and what they are made of.

    `public` are public addresses by private one.
    """

    zone: HostedZone
    hosted: bool
    dkim_selectors: Sequence[str]
    public: PublicIps
    existing_zone: str | None = None


class Domain(pulumi.ComponentResource):
    """A domain with its keys and, where the fleet hosts it, its zone and records.

    `dkim` are private keys by selector; `zone` is None and `to_publish` has the records when the owner
    publishes them elsewhere; `addresses` are the A records by name.
    """

    def __init__(self, name: str, args: DomainArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Domain", name)
        self._keys = {
            selector: PrivateKey(
                f"{selector}._domainkey.{name}",
                DKIM_ALGORITHM,
                pulumi.ResourceOptions(parent=self, protect=True),
            )
            for selector in args.dkim_selectors
        }
        self.dkim = {selector: key.private_key_pem for selector, key in self._keys.items()}
        self.zone: aws.route53.Zone | None = None
        self.addresses: dict[str, aws.route53.Record] = {}
        self.to_publish: list[Mapping[str, Any]] = []
        if args.hosted:
            self.zone = self._zone(name, args, cloud)
            self._records(self.zone, args, cloud)
        else:
            self.to_publish = [
                {
                    "name": one.name,
                    "type": one.type,
                    "ttl": one.ttl_seconds,
                    "values": self._values(one, args),
                }
                for one in args.zone.sets
            ]
        self.register_outputs({"zone_id": self.zone.zone_id if self.zone else None})

    def _zone(self, name: str, args: DomainArgs, cloud: Cloud) -> aws.route53.Zone:
        options = cloud.at(None, self, protect=True)
        if args.existing_zone is not None:
            kept = pulumi.ResourceOptions(import_=args.existing_zone, ignore_changes=AS_FOUND)
            options = pulumi.ResourceOptions.merge(options, kept)
        return aws.route53.Zone(
            name,
            name=name,
            comment=f"mtafleet {cloud.name}",
            force_destroy=False,
            tags=cloud.tags(name),
            opts=options,
        )

    def _records(self, zone: aws.route53.Zone, args: DomainArgs, cloud: Cloud) -> None:
        """Each is created, never taken over: one that was there before is an error, not overwritten."""
        for one in args.zone.sets:
            record = aws.route53.Record(
                f"{one.name} {one.type}",
                zone_id=zone.zone_id,
                name=one.name,
                type=one.type,
                ttl=one.ttl_seconds,
                records=self._values(one, args, provider_values),
                allow_overwrite=False,
                opts=cloud.at(None, self),
            )
            if one.type == "A":
                self.addresses[one.name] = record

    def _values(
        self,
        one: RecordSet,
        args: DomainArgs,
        shape: Callable[[RecordSet, Sequence[str]], list[str]] | None = None,
    ) -> pulumi.Output[list[str]] | list[str]:
        """The values, known as soon as the addresses or the key they are made of are."""
        shaped = shape or (lambda _one, values: list(values))
        if one.dkim is not None:
            key = self._keys[one.dkim[1]]
            return key.public_key_base64.apply(
                lambda text: shaped(one, one.published({}, DkimPublicKey("rsa", text)))
            )
        if not one.addresses:
            return shaped(one, one.values)
        public = {str(address): args.public[address] for address in one.addresses}
        return pulumi.Output.all(**public).apply(lambda known: shaped(one, one.published(_typed(known))))


def provider_values(one: RecordSet, values: Sequence[str]) -> list[str]:
    """Values as the AWS provider takes them: it puts the outer quotes around TXT strings itself."""
    if one.type != "TXT":
        return list(values)
    return [value[1:-1].replace('" "', '""') for value in values]


def _typed(known: Mapping[str, str]) -> dict[IPv4Address, IPv4Address]:
    return {IPv4Address(private): IPv4Address(public) for private, public in known.items()}
