"""Generated fleets on AWS of any size: two regions, three pools, the same addresses on every node."""

import json
from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from fleet.aws.layout import zone_networks
from fleet.dns.hosted import hosted_zones
from fleet.paths import project_root
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from fleet.topology import Fleet

NAME = "large"
ADDRESSES_PER_POOL = 4
ADDRESSES_PER_NODE = 3 * ADDRESSES_PER_POOL
MOST_NODES = 400
FIRST_PUBLIC = IPv4Address("198.18.0.1")
_FIRST_HOST = 16
"""Offset in a zone's subnet; each node takes as many addresses from there on."""
_INSTANCE_TYPE = "c6i.xlarge"  # bears 14 addresses beside its own


def write_environment(folder: Path, nodes: int) -> Environment:
    """Write `large.yaml` with so many mail servers, half of them in each region; returns it, checked."""
    if nodes % 2 or not 2 <= nodes <= MOST_NODES:
        raise BenchError(f"{nodes} nodes: choose an even number from 2 to {MOST_NODES}")
    file = folder / f"{NAME}.yaml"
    file.write_text(json.dumps(environment_document(nodes), indent=1, default=str))  # as YAML takes it
    return load_environment(file)


def environment_document(nodes: int) -> dict[str, Any]:
    """`environments/staging.yaml` grown to so many nodes."""
    text = (project_root() / "environments" / "staging.yaml").read_text()
    document: dict[str, Any] = yaml.safe_load(text.replace("staging", NAME))
    pools = document["pools"].values()
    for pool in pools:
        pool |= {"addresses": {}, "warm_since": date(2025, 3, 3), "peak_messages_per_hour": 1_000}
    for region, spec in document["regions"].items():
        spec["nodes"] = {}
        for number in range(nodes // 2):
            name = f"{region}-{number + 1}"
            own, *sending = _addresses(IPv4Network(spec["network"]), number)
            spec["nodes"][name] = {"address": own, "name_server": number == 0}
            for position, pool in enumerate(pools):
                first = position * ADDRESSES_PER_POOL
                pool["addresses"][name] = sending[first : first + ADDRESSES_PER_POOL]
    # An SPF record names a pool's addresses through further ones, of which it may have ten.
    domains = document["domains"]
    first_domain = next(iter(domains))
    domains[first_domain]["pools"] = ["transactional"]
    domains["large-alerts.example"] = {**domains[first_domain], "pools": ["notification"]}
    document["users"]["shop-alerts"]["senders"] = ["@large-alerts.example"]
    document["aws"] |= {
        "instance_type": _INSTANCE_TYPE,
        "quotas": {"elastic_ips": 10_000, "vcpus": 10_000, "health_checks": 10_000},
    }
    return document


def foundation_outputs(environment: Environment) -> dict[str, Any]:
    """What a stack `large-foundation` would export, made up: a preview of the fleet reads no more of it."""
    fleet = Fleet.of(environment)
    private = [node.address for node in fleet.nodes] + [one.address for one in fleet.sending_addresses]
    sites = [*environment.regions, environment.witness.site]
    return {
        "foundation": {
            "addresses": {
                str(address): {
                    "allocation_id": f"eipalloc-{number:017x}",
                    "public": str(FIRST_PUBLIC + 2 * number),
                }
                for number, address in enumerate(private)
            },
            "zones": {
                zone.name: {"id": f"Z{number:020d}", "name_servers": ["ns-1.aws.example"]}
                for number, zone in enumerate(hosted_zones(fleet))
            },
            "keys": {site: f"arn:aws:kms:{site}:123456789012:key/{site}" for site in sites},
            "spools": {node.name: f"vol-{number:017x}" for number, node in enumerate(fleet.mta_nodes)},
            "topics": {site: f"arn:aws:sns:{site}:123456789012:{site}" for site in sites},
            "ssh_public_key": "ssh-ed25519 AAAA",
        },
        "secrets": _made_up_secrets(environment),
    }


def images(environment: Environment) -> Mapping[str, str]:
    """An image for each AWS region."""
    places = [*(region.aws for region in environment.regions.values()), environment.witness.aws]
    return {place.region: "ami-0123456789abcdef0" for place in places if place is not None}


def _addresses(network: IPv4Network, number: int) -> list[str]:
    """A node's own address and its sending ones, in turns from the region's two zones."""
    half = zone_networks(network)[number % 2]
    first = half.network_address + _FIRST_HOST + (number // 2) * (1 + ADDRESSES_PER_NODE)
    return [str(first + offset) for offset in range(1 + ADDRESSES_PER_NODE)]


def _made_up_secrets(environment: Environment) -> dict[str, Any]:
    return {
        "dkim": {
            name: {domain.dkim_selectors.active: "PEM", domain.dkim_selectors.standby: "PEM"}
            for name, domain in environment.domains.items()
        },
        "tsig": {"name": "mtafleet", "algorithm": "hmac-sha256", "secret": "c2VjcmV0"},
        "store": "c2VjcmV0",
        "users": dict.fromkeys(environment.users, "made-up-password"),
        "ssh_private_key": "PEM",
    }
