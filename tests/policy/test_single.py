"""Judges of one resource: what is wrong is said, what is unknown is not held against anyone."""

from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policy.seen import UNKNOWN, Seen
from policy.single import SINGLE

GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"


def say(
    judge: str, kind: str, props: dict[str, Any], *, name: str = "one", protect: bool = False
) -> list[str]:
    return list(SINGLE[judge][0](Seen(kind, name, unknown_checking_proxy(props), protect)))


def ingress(first: int, last: int, *networks: str, protocol: str = "tcp") -> dict[str, Any]:
    return {
        "ingress": [{"protocol": protocol, "fromPort": first, "toPort": last, "cidrBlocks": list(networks)}]
    }


@pytest.mark.parametrize(
    ("props", "opened"),
    [
        (ingress(22, 22, "0.0.0.0/0"), "port 22"),
        (ingress(20, 30, "10.0.0.0/8", "0.0.0.0/0"), "ports 20 to 30"),
        (ingress(0, 0, "0.0.0.0/0", protocol="-1"), "every port"),
        ({"ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22,
                       "ipv6CidrBlocks": ["::/0"]}]}, "port 22"),
        ({"ingress": [{"protocol": "tcp", "fromPort": UNKNOWN_STRING_VALUE, "toPort": 22,
                       "cidrBlocks": ["0.0.0.0/0"]}]}, "every port"),
    ],
)  # fmt: skip
def test_a_port_open_to_the_world_is_named(props: dict[str, Any], opened: str) -> None:
    (said,) = say("admin-ports", GROUP, props)
    assert f"`one` opens {opened} to the world" in said
    assert "`aws.operator_networks`" in said


def test_rules_of_their_own_are_judged_too() -> None:
    props = {"ipProtocol": "tcp", "fromPort": 3389, "toPort": 3389, "cidrIpv4": "0.0.0.0/0"}
    assert "port 3389" in say("admin-ports", RULE, props)[0]
    older = {"type": "ingress", "protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}
    assert "port 22" in say("admin-ports", "aws:ec2/securityGroupRule:SecurityGroupRule", older)[0]
    assert (
        say("admin-ports", "aws:ec2/securityGroupRule:SecurityGroupRule", {**older, "type": "egress"}) == []
    )


@pytest.mark.parametrize(
    "props",
    [
        ingress(25, 25, "0.0.0.0/0"),
        ingress(53, 53, "0.0.0.0/0", protocol="udp"),
        ingress(3, 4, "0.0.0.0/0", protocol="icmp"),
        ingress(22, 22, "203.0.113.0/24"),
        {"ingress": UNKNOWN_STRING_VALUE},
        {},
    ],
)
def test_what_is_meant_to_be_open_is_no_violation(props: dict[str, Any]) -> None:
    assert say("admin-ports", GROUP, props) == []


@pytest.mark.parametrize(
    ("kind", "props", "what"),
    [
        (VOLUME, {}, "volume `one` is not encrypted"),
        (VOLUME, {"encrypted": False}, "volume `one` is not encrypted"),
        (INSTANCE, {}, "system disk of `one`"),
        (INSTANCE, {"rootBlockDevice": {"encrypted": False}}, "system disk of `one`"),
        (
            INSTANCE,
            {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"deviceName": "/dev/sdg"}]},
            "disk /dev/sdg of `one`",
        ),
        ("aws:sns/topic:Topic", {}, "topic `one` has no key"),
    ],
)
def test_what_is_not_encrypted_is_named(kind: str, props: dict[str, Any], what: str) -> None:
    (said,) = say("encrypted", kind, props)
    assert what in said


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        (VOLUME, {"encrypted": True}),
        (VOLUME, {"encrypted": UNKNOWN_BOOLEAN_VALUE}),
        (INSTANCE, {"rootBlockDevice": {"encrypted": True}}),
        (INSTANCE, {"rootBlockDevice": UNKNOWN_STRING_VALUE}),
        ("aws:sns/topic:Topic", {"kmsMasterKeyId": UNKNOWN_STRING_VALUE}),
        ("aws:ec2/vpc:Vpc", {}),
    ],
)
def test_what_is_encrypted_or_may_become_so_passes(kind: str, props: dict[str, Any]) -> None:
    assert say("encrypted", kind, props) == []


def test_unsigned_metadata_is_named() -> None:
    assert "unsigned requests" in say("signed-metadata", INSTANCE, {})[0]
    assert say("signed-metadata", INSTANCE, {"metadataOptions": {"httpTokens": "optional"}})
    assert say("signed-metadata", INSTANCE, {"metadataOptions": {"httpTokens": "required"}}) == []
    assert say("signed-metadata", INSTANCE, {"metadataOptions": UNKNOWN_STRING_VALUE}) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("aws:ec2/eip:Eip", "10.20.0.21"),
        ("aws:route53/zone:Zone", "fleet.example"),
        (VOLUME, "virginia-1"),
        ("mtafleet:index:PrivateKey", "s1._domainkey.shop.example"),
        ("mtafleet:index:SharedSecret", "tsig"),
        ("mtafleet:index:SharedSecret", "store"),
    ],
)
def test_what_outlives_machines_must_be_protected(kind: str, name: str) -> None:
    (said,) = say("protected", kind, {}, name=name)
    assert f"`{name}` is not protected" in said
    assert say("protected", kind, {}, name=name, protect=True) == []


def test_a_machines_own_key_needs_no_protection() -> None:
    assert say("protected", "mtafleet:index:PrivateKey", {}, name="host.virginia-1") == []


def test_looking_survives_unknown_values() -> None:
    one = Seen(
        "a", "b", unknown_checking_proxy({"list": [1, UNKNOWN_STRING_VALUE], "text": UNKNOWN_STRING_VALUE})
    )
    assert one.look("text") is UNKNOWN
    assert one.look("text", "deeper") is UNKNOWN
    assert one.known("text") is None
    assert one.look("absent", "deeper") is None
    assert one.items("list") == [1]
