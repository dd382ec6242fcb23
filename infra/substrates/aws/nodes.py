"""Machines: each with one interface that bears all its private addresses, an Elastic IP behind each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from fleet.aws.layout import zone_index
from fleet.topology import FleetNode
from infra.resources import PrivateKey
from infra.substrates.aws.cloud import Cloud
from infra.substrates.aws.network import Network
from infra.substrates.aws.upon import Foundation
from infra.substrates.aws.user_data import HostKey, user_data

SPOOL_DEVICE = "/dev/sdf"
ROOT_VOLUME_TYPE = "gp3"
FROM_FIRST_BOOT = ["ami", "userData"]
"""Only a new machine would notice them: a changed image must not replace the whole fleet in one run."""


@dataclass(frozen=True)
class MachineArgs:
    """A node, the network it lives in, and the instance profile that says what it may do."""

    node: FleetNode
    network: Network
    profile: pulumi.Input[str]


class Machine(pulumi.ComponentResource):
    """A machine of the fleet; `entry` is its place in the stack output `fleet`."""

    entry: Mapping[str, Any]

    def __init__(self, name: str, args: MachineArgs, foundation: Foundation, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Machine", name)
        node = args.node
        host_key = PrivateKey(f"host.{name}", "ed25519", pulumi.ResourceOptions(parent=self))
        self.instance = self._instance(args, host_key, foundation, cloud)
        if node.role == "mta":
            aws.ec2.VolumeAttachment(
                name,
                instance_id=self.instance.id,
                volume_id=foundation.spool(name),
                device_name=SPOOL_DEVICE,
                stop_instance_before_detaching=True,
                opts=_at(cloud, node, self, delete_before_replace=True),
            )
        self._bind_addresses(node, foundation, cloud)
        by_session = not cloud.spec.operator_networks
        self.entry = {
            "role": node.role,
            "site": node.site,
            "address": str(node.address),
            "public": foundation.public(node.address),
            "instance": self.instance.id,
            "ssh_host": self.instance.id if by_session else foundation.public(node.address),
            "ssh_port": 22,
            "ssh_user": "root",
            "host_key": host_key.public_key_openssh,
            "queue_volume": foundation.spool(name) if node.role == "mta" else None,
            "session": self._session(cloud.places[node.site].region) if by_session else None,
        }
        self.register_outputs(self.entry)

    def _instance(
        self, args: MachineArgs, host_key: PrivateKey, foundation: Foundation, cloud: Cloud
    ) -> aws.ec2.Instance:
        node, spec = args.node, cloud.spec
        mta = node.role == "mta"
        return aws.ec2.Instance(
            node.name,
            ami=cloud.settings.image(cloud.places[node.site].region),
            instance_type=spec.instance_type if mta else spec.witness_instance_type,
            iam_instance_profile=args.profile,
            subnet_id=args.network.subnets[zone_index(cloud.networks[node.site], node.address)].id,
            vpc_security_group_ids=[args.network.filter.id],
            private_ip=str(node.address),
            secondary_private_ips=sorted(str(one.address) for one in node.sending),
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                encrypted=True,
                kms_key_id=foundation.key(node.site),
                volume_type=ROOT_VOLUME_TYPE,
                volume_size=spec.root_gigabytes,
                delete_on_termination=True,
            ),
            user_data=_first_boot(node, host_key, foundation, cloud),
            tags=cloud.tags(node.name),
            opts=_at(
                cloud,
                node,
                self,
                # The successor needs the same private addresses.
                delete_before_replace=True,
                ignore_changes=[] if node.name in cloud.settings.replacing else FROM_FIRST_BOOT,
            ),
        )

    def _session(self, region: str) -> Mapping[str, Any]:
        """See `fleet.inventory.SessionTarget`."""
        return {"instance": self.instance.id, "region": region}

    def _bind_addresses(self, node: FleetNode, foundation: Foundation, cloud: Cloud) -> None:
        moved = cloud.places[node.site].moved
        for private in (node.address, *(one.address for one in node.sending)):
            before = moved.get(private)
            aws.ec2.EipAssociation(
                str(private),
                allocation_id=foundation.allocation(private),
                network_interface_id=self.instance.primary_network_interface_id,
                private_ip_address=str(private),
                allow_reassociation=True,
                opts=_at(
                    cloud,
                    node,
                    self,
                    delete_before_replace=True,
                    aliases=[pulumi.Alias(name=str(before))] if before else None,
                ),
            )


def _first_boot(
    node: FleetNode, host_key: PrivateKey, foundation: Foundation, cloud: Cloud
) -> pulumi.Output[str]:
    by_session = None if cloud.spec.operator_networks else cloud.places[node.site].region
    parts = {
        "authorized": foundation.ssh_public_key,
        "private": host_key.private_key_pem,
        "public": host_key.public_key_openssh,
    }
    if node.role == "mta":
        parts["volume"] = foundation.spool(node.name)
    document = pulumi.Output.all(**parts).apply(
        lambda known: user_data(
            node.fqdn,
            known["authorized"],
            HostKey(known["private"], known["public"]),
            known.get("volume"),
            by_session,
        )
    )
    return pulumi.Output.secret(document)


def _at(cloud: Cloud, node: FleetNode, parent: pulumi.Resource, **options: Any) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(cloud.at(node.site, parent), pulumi.ResourceOptions(**options))
