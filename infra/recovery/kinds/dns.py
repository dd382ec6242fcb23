"""Route 53's resources. Zones and checks get tags in a second call: without any, what they are must tell."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from infra.recovery.account import Account
from infra.recovery.kinds.base import ById, Look, alike, differences, tags_of
from infra.recovery.model import Candidate, Pending

_MOST_IDS = 10
"""Of one call for tags, by Route 53's own limit."""
_CHECK = {
    "type": "Type",
    "ipAddress": "IPAddress",
    "port": "Port",
    "fqdn": "FullyQualifiedDomainName",
    "resourcePath": "ResourcePath",
    "requestInterval": "RequestInterval",
    "failureThreshold": "FailureThreshold",
    "childHealthchecks": "ChildHealthChecks",
    "childHealthThreshold": "HealthThreshold",
}


def _zone(account: Account, pending: Pending) -> Sequence[Candidate]:
    name = pending.inputs["name"].rstrip(".")
    found = []
    for one in account.listed("route53", pending.region, "list_hosted_zones", "HostedZones"):
        config = one.get("Config") or {}
        if one["Name"].rstrip(".") != name or config.get("PrivateZone"):
            continue
        identity = one["Id"].rpartition("/")[2]
        differs = differences(pending.inputs, config, {"comment": "Comment"})
        found.append(Candidate(identity, _tags(account, pending, "hostedzone", identity), differs))
    return found


def _zone_by_id(account: Account, pending: Pending, identity: str) -> Candidate | None:
    told = account.find("route53", pending.region, "get_hosted_zone", Id=identity)
    if told is None:
        return None
    zone = told["HostedZone"]
    differs = differences(pending.inputs, zone, {"name": "Name", "comment": "Config.Comment"})
    if (zone.get("Config") or {}).get("PrivateZone"):
        differs += ("is private",)
    return Candidate(identity, _tags(account, pending, "hostedzone", identity) or {}, differs)


def _check(account: Account, pending: Pending) -> Sequence[Candidate]:
    """What a check asks, and of whom, is what it is; one that has another's name is another's."""
    name = (pending.inputs.get("tags") or {}).get("Name")
    alike_in_all = [
        Candidate(one["Id"], _tags(account, pending, "healthcheck", one["Id"]))
        for one in account.listed("route53", pending.region, "list_health_checks", "HealthChecks")
        if not differences(pending.inputs, one["HealthCheckConfig"], _CHECK)
    ]
    return [one for one in alike_in_all if name in (None, (one.tags or {}).get("Name", name))]


def _check_by_id(account: Account, pending: Pending, identity: str) -> Candidate | None:
    told = account.find("route53", pending.region, "get_health_check", HealthCheckId=identity)
    if told is None:
        return None
    differs = differences(pending.inputs, told["HealthCheck"]["HealthCheckConfig"], _CHECK)
    return Candidate(identity, _tags(account, pending, "healthcheck", identity) or {}, differs)


def zones_present(account: Account, region: str, names: Collection[str]) -> set[str]:
    """Which of these names (without their last dot) the account's public zones have."""
    zones = account.listed("route53", region, "list_hosted_zones", "HostedZones")
    public = (one for one in zones if not (one.get("Config") or {}).get("PrivateZone"))
    return {one["Name"].rstrip(".") for one in public} & set(names)


def checks_present(account: Account, region: str, names: Collection[str]) -> set[str]:
    """Which of these values of the tag `Name` the account's health checks have."""
    checks = account.listed("route53", region, "list_health_checks", "HealthChecks")
    ids = [one["Id"] for one in checks]
    found: set[str] = set()
    for start in range(0, len(ids), _MOST_IDS):
        some = ids[start : start + _MOST_IDS]
        answer = account.ask(
            "route53", region, "list_tags_for_resources", ResourceType="healthcheck", ResourceIds=some
        )
        found |= {tags_of(one.get("Tags") or ()).get("Name", "") for one in answer["ResourceTagSets"]}
    return found & set(names)


def _tags(account: Account, pending: Pending, kind: str, identity: str) -> Mapping[str, str] | None:
    answer = account.ask(
        "route53", pending.region, "list_tags_for_resource", ResourceType=kind, ResourceId=identity
    )
    return tags_of(answer["ResourceTagSet"].get("Tags") or ()) or None


def _record(account: Account, pending: Pending) -> Sequence[Candidate]:
    """A record is ours when it says what was asked for; one that was there before is never touched."""
    inputs = pending.inputs
    name, kind, zone = inputs["name"].rstrip(".").lower(), inputs["type"], inputs["zoneId"]
    chosen = inputs.get("setIdentifier")
    listed = account.listed(
        "route53",
        pending.region,
        "list_resource_record_sets",
        "ResourceRecordSets",
        HostedZoneId=zone,
        StartRecordName=name,
        StartRecordType=kind,
        PaginationConfig={"MaxItems": 100},
    )
    return [
        Candidate(
            "_".join([zone, name, kind, *([chosen] if chosen else [])]), None, _other_answer(inputs, one)
        )
        for one in listed
        if (_plain(one["Name"]), one["Type"], one.get("SetIdentifier")) == (name, kind, chosen)
    ]


def _other_answer(inputs: Mapping[str, Any], one: Mapping[str, Any]) -> tuple[str, ...]:
    values = [record["Value"] for record in one.get("ResourceRecords") or ()]
    if inputs["type"] in {"TXT", "SPF"}:
        values = [value[1:-1] for value in values]
    same = alike(inputs.get("records"), values) and alike(inputs.get("ttl"), one.get("TTL"))
    return () if same else ("answers something else",)


def _plain(name: str) -> str:
    return name.replace("\\052", "*").rstrip(".").lower()


DNS: dict[str, Look] = {
    "aws:route53/healthCheck:HealthCheck": _check,
    "aws:route53/record:Record": _record,
    "aws:route53/zone:Zone": _zone,
}

DNS_BY_ID: dict[str, ById] = {
    "aws:route53/healthCheck:HealthCheck": _check_by_id,
    "aws:route53/zone:Zone": _zone_by_id,
}
