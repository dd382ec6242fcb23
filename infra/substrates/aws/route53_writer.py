"""What machines may do in Route 53 where the daemons write the steered names themselves."""

import json

import pulumi
import pulumi_aws as aws

from fleet.steering import steered_names
from infra.substrates.aws.cloud import Cloud
from infra.substrates.aws.identity import NodeIdentity
from infra.substrates.aws.upon import Foundation

EPOCH_LABEL = "_epoch"
"""Below the steered zone, the record by which the daemons keep writers apart; a test holds it to theirs."""


def route53_writer(identity: NodeIdentity, foundation: Foundation, cloud: Cloud) -> pulumi.Output[str]:
    """Let machines change the steered names, and nothing else of the zone; returns the zone's id."""
    operator = cloud.environment.operator
    zone_id = foundation.zone(operator.domain)
    names = sorted([*steered_names(cloud.fleet), f"{EPOCH_LABEL}.{operator.steered_zone}"])
    aws.iam.RolePolicy(
        "route53",
        role=identity.role_name,
        name="route53",
        policy=zone_id.apply(lambda known: writer_policy(known, names)),
        opts=cloud.at(None, identity),
    )
    return zone_id


def writer_policy(zone_id: str, names: list[str]) -> str:
    """Read the zone, change A and TXT records of these names in it, ask what became of a change."""
    zone = f"arn:aws:route53:::hostedzone/{zone_id}"
    only = {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
        "route53:ChangeResourceRecordSetsRecordTypes": ["A", "TXT"],
        "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
    }
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "route53:ListResourceRecordSets", "Resource": zone},
                {
                    "Effect": "Allow",
                    "Action": "route53:ChangeResourceRecordSets",
                    "Resource": zone,
                    "Condition": {"ForAllValues:StringEquals": only},
                },
                {
                    "Effect": "Allow",
                    "Action": "route53:GetChange",
                    "Resource": "arn:aws:route53:::change/*",
                },
            ],
        }
    )
