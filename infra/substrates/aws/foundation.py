"""The stack `NAME-foundation`: zones, addresses, keys, queues, alarms. It outlives every machine."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

import pulumi
import pulumi_aws as aws

from fleet.dns.hosted import hosted_zones
from fleet.spec.models import Environment
from infra.resources import PrivateKey, Settings
from infra.secret_material import stack_secrets
from infra.stack_settings import StackSettings
from infra.substrates.aws.addresses import Addresses, AddressesArgs, reverse_name
from infra.substrates.aws.alarms import Alarms, AlarmsArgs
from infra.substrates.aws.cloud import Cloud
from infra.substrates.aws.dns import Domain, DomainArgs
from infra.substrates.aws.storage import EvidenceArgs, EvidenceBucket, SpoolsArgs, Storage

Elastic = Mapping[IPv4Address, aws.ec2.Eip]


def provision_foundation(environment: Environment, settings: StackSettings) -> None:
    """Declare the foundation and export what the fleet stack needs of it."""
    cloud = Cloud(environment, settings)
    ssh_key = PrivateKey("ssh", "ed25519", pulumi.ResourceOptions(protect=True))
    addresses = [_site_addresses(cloud, site) for site in cloud.places]
    elastic = {private: one for site in addresses for private, one in site.elastic.items()}
    storage = _storage(cloud)
    alarms = {
        site: Alarms(site, AlarmsArgs(cloud.spec.alarm_address, storage[site].key_arn), cloud)
        for site in cloud.places
    }
    evidence = cloud.spec.evidence
    bucket = EvidenceBucket(EvidenceArgs(evidence, storage[evidence.site].key_arn), cloud)
    domains = _domains(cloud, elastic)
    reverse: Sequence[pulumi.Resource] = ()
    if settings.delegated:
        reverse = _reverse_names(cloud, elastic, domains[environment.operator.domain])
    _seal([*addresses, *storage.values(), *alarms.values(), bucket, *domains.values(), *reverse])
    pulumi.export(
        "foundation",
        {
            "addresses": {
                str(private): {"allocation_id": one.allocation_id, "public": one.public_ip}
                for private, one in elastic.items()
            },
            "zones": {
                name: {"id": domain.zone.zone_id, "name_servers": domain.zone.name_servers}
                for name, domain in domains.items()
                if domain.zone is not None
            },
            "records_to_publish": {
                name: domain.to_publish for name, domain in domains.items() if domain.zone is None
            },
            "keys": {site: one.key_arn for site, one in storage.items()},
            "spools": {node: volume for one in storage.values() for node, volume in one.spools.items()},
            "topics": {site: one.topic_arn for site, one in alarms.items()},
            "evidence": {"bucket": bucket.name, "region": cloud.places[evidence.site].region},
            "ssh_public_key": ssh_key.public_key_openssh,
        },
    )
    dkim = {name: domain.dkim for name, domain in domains.items() if domain.dkim}
    pulumi.export("secrets", stack_secrets(environment, ssh_key, dkim, protect=True))


def _site_addresses(cloud: Cloud, site: str) -> Addresses:
    return Addresses(site, AddressesArgs([node for node in cloud.fleet.nodes if node.site == site]), cloud)


def _storage(cloud: Cloud) -> dict[str, Storage]:
    return {
        site: Storage(
            site,
            SpoolsArgs(
                [node for node in cloud.fleet.mta_nodes if node.site == site], cloud.spec.spool_gigabytes
            ),
            cloud,
        )
        for site in cloud.places
    }


def _domains(cloud: Cloud, elastic: Elastic) -> dict[str, Domain]:
    public = {private: one.public_ip for private, one in elastic.items()}
    environment = cloud.environment
    made = {}
    for zone in hosted_zones(cloud.fleet):
        sending = environment.domains.get(zone.name)
        selectors = sending.dkim_selectors if sending else None
        args = DomainArgs(
            zone=zone,
            hosted=sending is None or sending.hosting == "fleet",
            dkim_selectors=(selectors.active, selectors.standby) if selectors else (),
            public=public,
            existing_zone=cloud.spec.existing_zones.get(zone.name),
        )
        made[zone.name] = Domain(zone.name, args, cloud)
    return made


def _reverse_names(cloud: Cloud, elastic: Elastic, operator: Domain) -> list[aws.ec2.EipDomainName]:
    """PTR = HELO = A: every address mail leaves from, and every machine's own."""
    made = []
    for node in cloud.fleet.nodes:
        named = [(node.address, node.fqdn), *((one.address, one.name) for one in node.sending)]
        for private, name in named:
            forward = operator.addresses[name]
            made.append(reverse_name(private, elastic[private], name, forward, node.site, cloud))
    return made


def _seal(rest: Sequence[pulumi.Resource]) -> None:
    """The first that a destroy of this stack meets, and protected, so that it ends before it has begun.

    The engine deletes what nothing depends on first: without this, records and alarm topics, which are not
    protected themselves because a changed file may well drop one.
    """
    Settings("foundation", "foundation", {}, pulumi.ResourceOptions(protect=True, depends_on=list(rest)))
