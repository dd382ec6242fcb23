"""DNS, identities, buckets, alarms, budgets and keys, over a simulated AWS."""

import json

import grpc
import pytest

from lab.aws.server.app import Server
from tests.aws.driver import Driver
from tests.aws.life import born, changed, gone, imported, replaces
from tests.aws.tokens import (
    ACCESS,
    ALARM,
    ALIAS,
    BUCKET,
    BUCKET_POLICY,
    BUDGET,
    ENCRYPTION,
    HEALTH,
    KEY,
    LOCK,
    OWNERSHIP,
    PROFILE,
    RECORD,
    ROLE,
    ROLE_ATTACHMENT,
    ROLE_POLICY,
    SUBSCRIPTION,
    TOPIC,
    TOPIC_POLICY,
    VERSIONING,
    ZONE,
)

NOBODY = {"Version": "2012-10-17", "Statement": []}


def allowing(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({**NOBODY, "Statement": [statement]})


def test_zone_and_records(aws: Server, east: Driver) -> None:
    zone = born(east, ZONE, {"name": "mail.example", "tags": {"Name": "zone"}})
    assert changed(east, zone, {"comment": "the fleet", "tags": {"Name": "z"}}) == {"comment", "tags"}
    assert len(zone.state["nameServers"]) == 4
    imported(east, zone)
    mx = {
        "zoneId": zone.id,
        "name": "mail.example",
        "type": "MX",
        "ttl": 300,
        "records": ["10 a.mail.example"],
    }
    record = born(east, RECORD, mx)
    assert record.id == f"{zone.id}_mail.example_MX"
    assert changed(east, record, {"ttl": 60, "records": ["10 a.mail.example", "20 b.mail.example"]}) == {
        "ttl",
        "records",
    }
    assert replaces(east, record, {"name": "other.mail.example"}) == {"name"}
    imported(east, record)
    # Records are found as they are, also when somebody edits them by hand.
    edited = {
        "Name": "mail.example",
        "Type": "MX",
        "TTL": 60,
        "ResourceRecords": [{"Value": "10 evil.example"}],
    }
    change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": edited}]}
    aws.client("route53").change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch=change)
    drifted = east.read(record)
    assert drifted is not None
    assert east.diff(drifted, record.inputs) == {"records": "UPDATE"}
    gone(east, drifted)
    gone(east, zone)


def test_records_that_exist_are_not_overwritten(east: Driver) -> None:
    zone = born(east, ZONE, {"name": "mail.example", "forceDestroy": True})
    spf = {"zoneId": zone.id, "name": "mail.example", "type": "TXT", "ttl": 300, "records": ["v=spf1 -all"]}
    born(east, RECORD, spf)
    with pytest.raises(grpc.RpcError, match="already exists"):
        east.create(RECORD, "again", {**spf, "records": ["v=spf1 ~all"]})
    east.create(RECORD, "again", {**spf, "records": ["v=spf1 ~all"], "allowOverwrite": True})
    with pytest.raises(grpc.RpcError, match="at most 255"):
        east.create(RECORD, "long", {**spf, "name": "long.mail.example", "records": ["x" * 256]})
    born(east, RECORD, {**spf, "name": "key.mail.example", "records": ["x" * 255 + '""' + "y" * 9]}, "key")
    gone(east, zone)


def test_answers_that_hang_on_health(east: Driver) -> None:
    zone = born(east, ZONE, {"name": "mail.example"})
    port = {"type": "TCP", "ipAddress": "198.51.100.1", "port": 465, "requestInterval": 10}
    checks = [
        born(east, HEALTH, {**port, "failureThreshold": 3, "tags": {"Name": "port"}}),
        born(
            east,
            HEALTH,
            {
                "type": "HTTPS",
                "ipAddress": "198.51.100.2",
                "fqdn": "b.mail.example",
                "port": 443,
                "resourcePath": "/steering/a",
                "enableSni": True,
                "requestInterval": 30,
                "failureThreshold": 2,
            },
            "view",
        ),
    ]
    assert changed(east, checks[0], {"failureThreshold": 2, "tags": {"Name": "p"}}) == {
        "failureThreshold",
        "tags",
    }
    assert changed(east, checks[1], {"resourcePath": "/steering/b", "disabled": True}) == {
        "resourcePath",
        "disabled",
    }
    assert replaces(east, checks[0], {"requestInterval": 30}) == {"requestInterval"}
    both = {"type": "CALCULATED", "childHealthchecks": [one.id for one in checks], "childHealthThreshold": 2}
    counted = born(east, HEALTH, both, "counted")
    assert changed(east, counted, {"childHealthThreshold": 1}) == {"childHealthThreshold"}
    answer = {"zoneId": zone.id, "name": "smtp.mail.example", "type": "A", "ttl": 60}
    steered = {**answer, "multivalueAnswerRoutingPolicy": True, "healthCheckId": counted.id}
    other = {**steered, "name": "smtp2.mail.example", "setIdentifier": "a", "records": ["198.51.100.1"]}
    one, two, elsewhere = (
        born(east, RECORD, {**steered, "setIdentifier": "a", "records": ["198.51.100.1"]}, "a"),
        born(east, RECORD, {**steered, "setIdentifier": "b", "records": ["198.51.100.2"]}, "b"),
        born(east, RECORD, other, "elsewhere"),
    )
    imported(east, two)
    with pytest.raises(grpc.RpcError, match="exclude each other"):
        east.create(RECORD, "plain", {**answer, "records": ["198.51.100.3"]})
    gone(east, one)
    assert east.read(two) is not None
    assert east.read(elsewhere) is not None  # an identifier is one name's own
    for left in (two, elsewhere, counted, *checks, zone):
        gone(east, left)


def test_identity(aws: Server, east: Driver) -> None:
    machines = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    assumed = {"Version": "2012-10-17", "Statement": [machines]}
    role = born(east, ROLE, {"assumeRolePolicy": json.dumps(assumed, indent=2), "tags": {"Name": "node"}})
    assert changed(east, role, {"description": "nodes", "tags": {"Name": "n"}}) == {"description", "tags"}
    inside = born(east, ROLE_POLICY, {"role": role.id, "name": "alarms", "policy": allowing("sns:Publish")})
    assert changed(east, inside, {"policy": allowing("sns:*")}) == {"policy"}
    managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    attached = born(east, ROLE_ATTACHMENT, {"role": role.id, "policyArn": managed})
    with pytest.raises(grpc.RpcError, match="NoSuchEntity"):
        east.create(ROLE_ATTACHMENT, "typo", {"role": role.id, "policyArn": managed + "s"})
    profile = born(east, PROFILE, {"role": role.id, "name": "node", "tags": {"Name": "node"}})
    assert changed(east, profile, {"tags": None}) == {"tags"}
    for one in (role, inside, attached, profile):
        imported(east, one)
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=role.id, PolicyName="alarms", PolicyDocument=allowing("*"))
    drifted = east.read(inside)
    assert drifted is not None
    assert east.diff(drifted, inside.inputs) == {"policy": "UPDATE"}
    for one in (profile, attached, inside, role):
        gone(east, one)


def test_evidence_bucket(west: Driver) -> None:
    key = born(west, KEY, {"deletionWindowInDays": 7})
    alias = born(west, ALIAS, {"name": "alias/evidence", "targetKeyId": key.id})
    bucket = born(west, BUCKET, {"bucket": "evidence-1", "objectLockEnabled": True, "tags": {"Name": "e"}})
    assert bucket.state["bucketRegion"] == "us-west-2"
    assert changed(west, bucket, {"tags": {"Name": "f"}}) == {"tags"}
    assert replaces(west, bucket, {"bucket": "evidence-2"}) == {"bucket"}
    of_bucket = {"bucket": bucket.id}
    versions = born(west, VERSIONING, {**of_bucket, "versioningConfiguration": {"status": "Enabled"}})
    lock = born(west, LOCK, {**of_bucket, "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 30}}})
    assert changed(west, lock, {"rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 60}}}) == {"rule"}
    closed = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    access = born(west, ACCESS, {**of_bucket, **dict.fromkeys(closed, True)})
    assert changed(west, access, {"blockPublicAcls": False}) == {"blockPublicAcls"}
    by_key = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key.state["arn"]}
    rules = [{"applyServerSideEncryptionByDefault": by_key, "bucketKeyEnabled": True}]
    encryption = born(west, ENCRYPTION, {**of_bucket, "rules": rules})
    policy = born(west, BUCKET_POLICY, {**of_bucket, "policy": json.dumps(NOBODY)})
    owner = born(west, OWNERSHIP, {**of_bucket, "rule": {"objectOwnership": "BucketOwnerEnforced"}})
    for one in (bucket, versions, lock, access, encryption, policy, owner, alias, key):
        imported(west, one)
    for one in (owner, policy, encryption, access):
        gone(west, one)
    west.delete(lock)  # neither a lock nor versions can be taken off a bucket
    west.delete(versions)
    for one in (bucket, alias, key):
        gone(west, one)


def test_alarms_and_budget(aws: Server, east: Driver) -> None:
    topic = born(east, TOPIC, {"name": "alarms", "tags": {"Name": "alarms"}})
    assert changed(east, topic, {"displayName": "Alarms"}) == {"displayName"}
    policy = born(east, TOPIC_POLICY, {"arn": topic.id, "policy": json.dumps(NOBODY)})
    whom = {"topic": topic.id, "protocol": "email", "endpoint": "ops@mail.example"}
    heard = born(east, SUBSCRIPTION, whom)
    assert replaces(east, heard, {"endpoint": "dev@mail.example"}) == {"endpoint"}
    alarm = born(
        east,
        ALARM,
        {
            "comparisonOperator": "LessThanThreshold",
            "evaluationPeriods": 1,
            "metricName": "HealthCheckStatus",
            "namespace": "AWS/Route53",
            "period": 60,
            "statistic": "Minimum",
            "threshold": 1,
            "alarmActions": [topic.id],
            "dimensions": {"HealthCheckId": "abc"},
        },
    )
    assert changed(east, alarm, {"threshold": 2}) == {"threshold"}
    notice = {
        "comparisonOperator": "GREATER_THAN",
        "threshold": 80,
        "thresholdType": "PERCENTAGE",
        "notificationType": "FORECASTED",
        "subscriberEmailAddresses": ["ops@mail.example"],
    }
    monthly = {"budgetType": "COST", "timeUnit": "MONTHLY", "limitAmount": "500", "limitUnit": "USD"}
    budget = born(east, BUDGET, {**monthly, "name": "fleet", "notifications": [notice], "tags": {"a": "b"}})
    assert changed(
        east, budget, {"limitAmount": "600.0", "notifications": [{**notice, "threshold": 90}]}
    ) == {
        "limitAmount",
        "notifications",
    }
    for one in (topic, policy, heard, alarm, budget):
        imported(east, one)
    east.delete(policy)  # the owner's own policy comes back
    for one in (budget, alarm, heard, topic):
        gone(east, one)


def test_names_are_made_up_where_none_are_given(east: Driver) -> None:
    topic = born(east, TOPIC, {}, "alarms")
    assert topic.inputs["name"].startswith("alarms-")
    assert east.check(TOPIC, "alarms", {}, olds=topic.inputs) == topic.inputs
