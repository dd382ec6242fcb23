"""Steered names on Route 53: every node answers, as long as its own port and other sites speak for it.

Everything is made beforehand, so that an emergency writes nothing: what changes is what nodes answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleet.aws.layout import views_of
from fleet.ports import HTTPS, SMTPS
from fleet.topology import FleetNode
from fleet.views import STEERING_PATH
from infra.substrates.aws.cloud import Cloud
from infra.substrates.aws.upon import Foundation


@dataclass(frozen=True)
class HealthArgs:
    """A node and the machines of other sites that are asked about it."""

    node: FleetNode
    observers: tuple[FleetNode, ...]


class Health(pulumi.ComponentResource):
    """One node's checks; `check_id` is the one that steered records hang on.

    It is healthy when the node's own port 465 answers and enough of other sites' machines vouch for the
    node: one that is cut off from its peers cannot vouch for itself.
    """

    def __init__(self, name: str, args: HealthArgs, foundation: Foundation, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Health", name)
        self._cloud = cloud
        port = self._asked(f"{name}.port", args.node, foundation, type="TCP", port=SMTPS)
        views = [
            self._asked(
                f"{name}.seen-by.{observer.name}",
                observer,
                foundation,
                type="HTTPS",
                port=HTTPS,
                fqdn=observer.fqdn,
                enable_sni=True,
                resource_path=STEERING_PATH.format(node=name),
            )
            for observer in args.observers
        ]
        vouched = self._counted(f"{name}.vouched", views, cloud.spec.checks.agreeing)
        self.check_id = self._counted(name, [port, vouched], 2).id
        self.register_outputs({"check_id": self.check_id})

    def _asked(
        self, name: str, whom: FleetNode, foundation: Foundation, **how: object
    ) -> aws.route53.HealthCheck:
        checks = self._cloud.spec.checks
        return aws.route53.HealthCheck(
            name,
            ip_address=foundation.public(whom.address),
            request_interval=checks.interval_seconds,
            failure_threshold=checks.failures,
            tags=self._cloud.tags(name),
            opts=self._cloud.at(None, self),
            **how,
        )

    def _counted(
        self, name: str, checks: list[aws.route53.HealthCheck], enough: int
    ) -> aws.route53.HealthCheck:
        return aws.route53.HealthCheck(
            name,
            type="CALCULATED",
            child_healthchecks=[check.id for check in checks],
            child_health_threshold=enough,
            tags=self._cloud.tags(name),
            opts=self._cloud.at(None, self),
        )


def steering(foundation: Foundation, cloud: Cloud) -> None:
    """Every node's checks, and the steered names: submission for each pool, and MTA-STS policies."""
    fleet = cloud.fleet
    health: dict[str, Health] = {}
    for node in fleet.mta_nodes:
        names = views_of(cloud.environment, node.site, node.name, cloud.spec.checks.views)
        observers = tuple(fleet.node(name) for name in names)
        health[node.name] = Health(node.name, HealthArgs(node, observers), foundation, cloud)
    for pool in fleet.pools:
        for node in fleet.members(pool.pool):
            entry = node.entry_address(pool.pool)
            if entry is not None:
                _answer(pool.submission_name, node, foundation.public(entry), health, foundation, cloud)
    for node in fleet.mta_nodes:
        _answer(fleet.sts_name, node, foundation.public(node.address), health, foundation, cloud)


def _answer(
    name: str,
    node: FleetNode,
    public: pulumi.Input[str],
    health: Mapping[str, Health],
    foundation: Foundation,
    cloud: Cloud,
) -> None:
    """One of up to eight answers that Route 53 gives for `name`, while the node is healthy."""
    aws.route53.Record(
        f"{name} {node.name}",
        zone_id=foundation.zone(cloud.environment.operator.domain),
        name=name,
        type="A",
        ttl=cloud.environment.failover.dns_ttl_seconds,
        records=[public],
        set_identifier=node.name,
        multivalue_answer_routing_policy=True,
        health_check_id=health[node.name].check_id,
        opts=cloud.at(None, health[node.name]),
    )
