"""The stack `NAME`: networks, machines, steering, upon the foundation."""

from collections.abc import Mapping
from typing import Any

import pulumi

from fleet.aws.cost import checks_month
from fleet.aws.prices import price_table
from fleet.invariants import health_checks
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.records import record_pools, record_settings
from infra.stack_settings import StackSettings
from infra.substrates.aws.alarms import budget
from infra.substrates.aws.cloud import Cloud
from infra.substrates.aws.health import steering
from infra.substrates.aws.identity import NodeIdentity
from infra.substrates.aws.network import networks
from infra.substrates.aws.nodes import Machine, MachineArgs
from infra.substrates.aws.route53_writer import route53_writer
from infra.substrates.aws.upon import Foundation


def provision_fleet(environment: Environment, settings: StackSettings) -> None:
    """Declare the fleet and export what configuration needs, as in every other environment."""
    cloud = Cloud(environment, settings)
    foundation = Foundation(environment.environment)
    record_settings(environment)
    record_pools(environment)
    _say_what_checks_cost(environment)

    sites = list(cloud.places)
    rights = foundation.topics(sites), [foundation.key(site) for site in sites]
    identity = NodeIdentity("node", *rights, cloud)
    # Metadata hands a role's rights to every process of a machine: the witness must not be able to write DNS.
    apart = cloud.environment.failover.route53_writer
    witness = NodeIdentity("witness", *rights, cloud) if apart else identity
    made = networks(cloud)
    machines = {
        node.name: Machine(
            node.name,
            MachineArgs(node, made[node.site], (witness if node.role == "witness" else identity).profile),
            foundation,
            cloud,
        )
        for node in cloud.fleet.nodes
    }
    steered = _steered(identity, foundation, cloud)
    budget(cloud)
    pulumi.export(
        "fleet",
        {
            "nodes": {name: machine.entry for name, machine in machines.items()},
            "access": _access(cloud),
            "acme": {"directory": environment.acme.directory, "ca_certificate": None},
            "resolver": {"root_hints": [], "trust_anchor": None},
            "addresses": _addresses(cloud.fleet, foundation),
            **steered,
        },
    )
    pulumi.export("secrets", pulumi.Output.secret(foundation.secrets))


def _steered(identity: NodeIdentity, foundation: Foundation, cloud: Cloud) -> Mapping[str, Any]:
    """Answers that hang on health checks, or the right to write plain ones."""
    if cloud.environment.failover.route53_writer:
        return {"steered_zone_id": route53_writer(identity, foundation, cloud)}
    steering(foundation, cloud)
    return {}


def _access(cloud: Cloud) -> Mapping[str, Any]:
    """`direct`: from an operator's network; `session-manager`: as each node's `session` says."""
    return {"kind": "direct" if cloud.spec.operator_networks else "session-manager"}


def _addresses(fleet: Fleet, foundation: Foundation) -> Mapping[str, Any]:
    return {
        str(sending.address): {
            "node": sending.node,
            "pool": sending.pool,
            "public": foundation.public(sending.address),
            "private": str(sending.address),
            "name": sending.name,
        }
        for sending in fleet.sending_addresses
    }


def _say_what_checks_cost(environment: Environment) -> None:
    if environment.aws is None:
        return
    count, granted = health_checks(environment), environment.aws.quotas.health_checks
    prices = price_table()
    dollars = checks_month(environment, environment.aws, prices)
    pulumi.log.info(
        f"{count} Route 53 health checks of {granted} granted: "
        f"US$ {dollars:,.2f} a month by the list prices of {prices.read.isoformat()}"
    )
