"""Hosted zones and their records."""

import re
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from lab.aws.base import Aws, AwsKind, State, Values
from providerkit.kind import ProviderError


class Route53Kind(AwsKind):
    """A type whose tags Route 53 keeps under `tagged_as`."""

    service = "route53"
    tagged_as: ClassVar[str]

    def tags_of(self, aws: Aws, identity: str) -> dict[str, str]:
        answer = aws("list_tags_for_resource", ResourceType=self.tagged_as, ResourceId=identity)
        return {tag["Key"]: tag["Value"] for tag in answer["ResourceTagSet"].get("Tags", [])}

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        new = [{"Key": key, "Value": value} for key, value in wanted.items() if actual.get(key) != value]
        gone = [key for key in actual if key not in wanted]
        if new or gone:
            aws(
                "change_tags_for_resource",
                ResourceType=self.tagged_as,
                ResourceId=identity,
                AddTags=new or None,
                RemoveTagKeys=gone or None,
            )


class Zone(Route53Kind):
    """A public hosted zone; `forceDestroy` deletes its records with it."""

    resource_type = "aws:route53/zone:Zone"
    tagged_as = "hostedzone"
    served = frozenset({"name", "comment", "forceDestroy", "tags"})
    replaces = frozenset({"name"})
    defaults = {"comment": "Managed by Pulumi", "forceDestroy": False}
    unread = frozenset({"forceDestroy"})
    named = "name"

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            "create_hosted_zone",
            Name=wanted["name"],
            CallerReference=str(uuid.uuid4()),
            HostedZoneConfig={"Comment": wanted.get("comment", self.defaults["comment"])},
        )
        return _bare(answer["HostedZone"]["Id"])

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        self.retag(aws, identity, {}, self.all_tags(wanted))

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = aws("get_hosted_zone", Id=identity)
        servers = sorted(answer["DelegationSet"]["NameServers"])
        return {
            "name": answer["HostedZone"]["Name"].rstrip("."),
            "comment": answer["HostedZone"]["Config"].get("Comment"),
            "zoneId": identity,
            "arn": f"arn:aws:route53:::hostedzone/{identity}",
            "nameServers": servers,
            "primaryNameServer": servers[0],
            "tags": self.tags_of(aws, identity),
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "comment" in names:
            aws(
                "update_hosted_zone_comment",
                Id=identity,
                Comment=wanted.get("comment", self.defaults["comment"]),
            )
        super().change(aws, identity, wanted, actual, names - {"comment"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if recorded.get("forceDestroy"):
            for one in record_sets(aws, identity):
                if one["Type"] not in {"NS", "SOA"}:
                    _submit(aws, identity, ("DELETE", one))
        aws("delete_hosted_zone", Id=identity)


def _bare(identity: str) -> str:
    return identity.rpartition("/")[2]


_SIMPLE = {
    "ttl": "TTL",
    "healthCheckId": "HealthCheckId",
    "setIdentifier": "SetIdentifier",
    "multivalueAnswerRoutingPolicy": "MultiValueAnswer",
}


class Record(AwsKind):
    """A record set. What exists already is not overwritten unless `allowOverwrite` says so.

    Imported by `ZONE_NAME_TYPE` or `ZONE_NAME_TYPE_SET`.
    """

    resource_type = "aws:route53/record:Record"
    service = "route53"
    served = frozenset(
        {
            "zoneId",
            "name",
            "type",
            "records",
            "aliases",
            "allowOverwrite",
            "weightedRoutingPolicies",
            "failoverRoutingPolicies",
            "latencyRoutingPolicies",
            *_SIMPLE,
        }
    )
    replaces = frozenset({"zoneId", "name"})
    sets = frozenset({"records"})
    settled = frozenset({"allowOverwrite"})
    unread = frozenset({"allowOverwrite"})

    def make(self, aws: Aws, wanted: Values) -> str:
        one = _record_set(aws, wanted)
        _submit(aws, wanted["zoneId"], ("UPSERT" if wanted.get("allowOverwrite") else "CREATE", one))
        parts = [wanted["zoneId"], one["Name"].rstrip("."), wanted["type"]]
        return "_".join([*parts, *([wanted["setIdentifier"]] if "setIdentifier" in wanted else [])])

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        recorded = recorded if "zoneId" in recorded else _imported(identity)
        name = _full_name(aws, recorded)
        for one in record_sets(aws, recorded["zoneId"], name, recorded["type"]):
            if one.get("SetIdentifier") == recorded.get("setIdentifier"):
                return {
                    "zoneId": recorded["zoneId"],
                    "name": recorded["name"],
                    "fqdn": name.rstrip("."),
                    "type": recorded["type"],
                    **_found(one),
                }
        return None

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if not names - {"allowOverwrite"}:
            return
        one = _record_set(aws, wanted)
        if names & {"type", "setIdentifier"}:
            _submit(aws, wanted["zoneId"], ("DELETE", _record_set(aws, actual)), ("CREATE", one))
        else:
            _submit(aws, wanted["zoneId"], ("UPSERT", one))

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        actual = self.look(aws, identity, recorded)
        if actual is not None:
            _submit(aws, actual["zoneId"], ("DELETE", _record_set(aws, actual)))


def record_sets(aws: Aws, zone: str, name: str | None = None, kind: str | None = None) -> list[Any]:
    """Return a zone's record sets, or those of one name and type."""
    start: dict[str, Any] = {"StartRecordName": name, "StartRecordType": kind} if name else {}
    found: list[Any] = []
    while True:
        answer = aws("list_resource_record_sets", HostedZoneId=zone, **start)
        page = answer["ResourceRecordSets"]
        ours = [
            one for one in page if name is None or (_plain(one["Name"]), one["Type"]) == (_plain(name), kind)
        ]
        found += ours
        if not answer.get("IsTruncated") or len(ours) < len(page):
            return found
        start = {"StartRecordName": answer["NextRecordName"], "StartRecordType": answer["NextRecordType"]}
        if answer.get("NextRecordIdentifier"):
            start["StartRecordIdentifier"] = answer["NextRecordIdentifier"]


def _plain(name: str) -> str:
    return name.replace("\\052", "*").rstrip(".").lower()


def _full_name(aws: Aws, values: Values) -> str:
    """Return a record's whole name: a short one is taken to be inside its zone."""
    zone: str = aws("get_hosted_zone", Id=values["zoneId"])["HostedZone"]["Name"]
    name: str = values["name"].rstrip(".").lower() + "."
    if name == zone or name.endswith(f".{zone}"):
        return name
    return zone if name == "." else f"{name}{zone}"


def _imported(identity: str) -> State:
    # Names may begin with underscores, types and zone ids hold none.
    match = re.fullmatch(r"([A-Z0-9]+)_(.+?)_([A-Z]+)(?:_(.+))?", identity)
    if match is None:
        raise ProviderError(f"{identity}: a record's id reads ZONE_NAME_TYPE or ZONE_NAME_TYPE_SET")
    zone, name, kind, of_set = match.groups()
    return {"zoneId": zone, "name": name, "type": kind, **({"setIdentifier": of_set} if of_set else {})}


def _record_set(aws: Aws, values: Values) -> dict[str, Any]:
    """Return a record as Route 53 takes it: texts in quotes, as the official provider sends them."""
    one = {"Name": _full_name(aws, values), "Type": values["type"]}
    one |= {key: values[name] for name, key in _SIMPLE.items() if values.get(name) not in (None, False)}
    if values.get("records"):
        one["ResourceRecords"] = [
            {"Value": f'"{value}"' if values["type"] in {"TXT", "SPF"} else value}
            for value in values["records"]
        ]
    for alias in values.get("aliases") or []:
        one["AliasTarget"] = {
            "DNSName": alias["name"],
            "HostedZoneId": alias["zoneId"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    for policy in values.get("weightedRoutingPolicies") or []:
        one["Weight"] = policy["weight"]
    for policy in values.get("failoverRoutingPolicies") or []:
        one["Failover"] = policy["type"]
    for policy in values.get("latencyRoutingPolicies") or []:
        one["Region"] = policy["region"]
    return one


def _found(one: Any) -> State:
    """Return the properties of a record set that Route 53 describes."""
    quoted = one["Type"] in {"TXT", "SPF"}
    values = [record["Value"] for record in one.get("ResourceRecords", [])]
    state: State = {name: one[key] for name, key in _SIMPLE.items() if one.get(key) is not None}
    state["records"] = [value[1:-1] if quoted else value for value in values] or None
    if "AliasTarget" in one:
        target = one["AliasTarget"]
        state["aliases"] = [
            {
                "name": target["DNSName"].rstrip("."),
                "zoneId": target["HostedZoneId"],
                "evaluateTargetHealth": target["EvaluateTargetHealth"],
            }
        ]
    if "Weight" in one:
        state["weightedRoutingPolicies"] = [{"weight": one["Weight"]}]
    if "Failover" in one:
        state["failoverRoutingPolicies"] = [{"type": one["Failover"]}]
    if "Region" in one:
        state["latencyRoutingPolicies"] = [{"region": one["Region"]}]
    return state


def _submit(aws: Aws, zone: str, *changes: tuple[str, Any]) -> None:
    batch = [{"Action": action, "ResourceRecordSet": one} for action, one in changes]
    aws("change_resource_record_sets", HostedZoneId=zone, ChangeBatch={"Changes": batch})
