"""Route 53 in memory, as its documentation tells of it: atomic batches, exact deletes, limits, troubles."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from failover.route53_client import CallError, Trouble

ZONE_ID = "Z0STEERED"
PAGE = 3
"""Record sets on a page: few, so that there are several."""


@dataclass
class FakeRoute53:
    """`throttled` calls are refused first, `lost` answers never arrive, `slow` polls find PENDING."""

    sets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    throttled: int = 0
    lost: int = 0
    slow: int = 0
    before_change: Callable[[], None] = lambda: None
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def put(self, name: str, type_: str, values: list[str], ttl: int = 5, **more: Any) -> None:
        """A record set that somebody else has made."""
        self.sets[name, type_] = {
            "Name": f"{name}.",
            "Type": type_,
            "TTL": ttl,
            "ResourceRecords": [{"Value": value} for value in values],
            **more,
        }

    def values(self, name: str, type_: str = "A") -> list[str]:
        found = self.sets.get((name, type_), {"ResourceRecords": []})
        return sorted(one["Value"] for one in found["ResourceRecords"])

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        self.calls.append(operation)
        self.threads.add(threading.get_ident())
        if self.throttled:
            self.throttled -= 1
            raise CallError(Trouble.SLOW_DOWN, "Throttling: Rate exceeded")
        found: dict[str, Any] = getattr(self, f"_{operation}")(**arguments)
        return found

    def _list_resource_record_sets(self, **asked: str) -> dict[str, Any]:
        assert asked["HostedZoneId"] == ZONE_ID
        start = (_order(asked["StartRecordName"]), asked.get("StartRecordType", ""))
        found = sorted(self.sets, key=lambda key: (_order(key[0]), key[1]))
        rest = [key for key in found if (_order(key[0]), key[1]) >= start]
        page = {"ResourceRecordSets": [dict(self.sets[key]) for key in rest[:PAGE]], "IsTruncated": False}
        if len(rest) > PAGE:
            name, type_ = rest[PAGE]
            page |= {"IsTruncated": True, "NextRecordName": f"{name}.", "NextRecordType": type_}
        return page

    def _change_resource_record_sets(self, **asked: Any) -> dict[str, Any]:
        assert asked["HostedZoneId"] == ZONE_ID
        self.before_change()
        changes = asked["ChangeBatch"]["Changes"]
        self._judge(changes)
        after = dict(self.sets)
        for change in changes:
            one = change["ResourceRecordSet"]
            key = (one["Name"].rstrip("."), one["Type"])
            if change["Action"] == "DELETE" and after.get(key) != one:
                raise CallError(Trouble.CHANGED, f"InvalidChangeBatch: {key} does not match")
            if change["Action"] == "CREATE" and key in after:
                raise CallError(Trouble.CHANGED, f"InvalidChangeBatch: {key} already exists")
            if change["Action"] == "DELETE":
                del after[key]
            else:
                after[key] = one
        self.sets = after
        self.batches.append(changes)
        if self.lost:
            self.lost -= 1
            raise CallError(Trouble.UNKNOWN, "Read timeout on endpoint URL")
        status = "PENDING" if self.slow else "INSYNC"
        return {"ChangeInfo": {"Id": f"/change/C{len(self.batches)}", "Status": status}}

    def _get_change(self, Id: str) -> dict[str, Any]:  # noqa: N803  boto3's
        self.slow = max(0, self.slow - 1)
        return {"ChangeInfo": {"Id": Id, "Status": "PENDING" if self.slow else "INSYNC"}}

    def _judge(self, changes: list[dict[str, Any]]) -> None:
        records = [one for change in changes for one in change["ResourceRecordSet"]["ResourceRecords"]]
        assert len(records) <= 1000
        assert sum(len(one["Value"]) for one in records) <= 32_000
        assert changes
        assert {change["Action"] for change in changes} <= {"CREATE", "DELETE"}
        deleted = [_key(one) for one in changes if one["Action"] == "DELETE"]
        assert len(set(deleted)) == len(deleted)
        created = {_key(one) for one in changes if one["Action"] == "CREATE"}
        assert set(deleted) <= created, "a name would be left without an answer"


def _key(change: dict[str, Any]) -> tuple[str, str]:
    return change["ResourceRecordSet"]["Name"], change["ResourceRecordSet"]["Type"]


def _order(name: str) -> list[str]:
    """Route 53 sorts by labels from the right."""
    return name.rstrip(".").split(".")[::-1]
