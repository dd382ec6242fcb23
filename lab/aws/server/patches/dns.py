"""Route 53: changes of record sets as a whole or not at all, each set known by name, type and identifier."""

import re
from typing import Any

from moto.core.exceptions import ServiceException
from moto.route53.models import RecordSet, Route53Backend

from lab.aws.server.patches.put import put

_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LONGEST_TEXT = 255


class _RefusedError(ServiceException):
    code = "InvalidChangeBatch"

    def __init__(self, message: str) -> None:
        super().__init__(message)


def mend() -> None:
    put(Route53Backend, change_resource_record_sets=_change)
    put(RecordSet, resource_records=property(_values))


def _values(record: Any) -> list[dict[str, Any]] | None:
    """Return the values as answers show them; those of a new zone's own records come wrapped already."""
    return [one if isinstance(one, dict) else {"Value": one} for one in record.records or []] or None


def _change(backend: Any, zone_id: str, changes: list[dict[str, Any]]) -> None:
    zone = backend.get_hosted_zone(zone_id)
    records = {_key(one): one for one in zone.rrsets}
    for change in changes:
        new = _record(change["ResourceRecordSet"])
        _check(zone, new)
        key = _key(new)
        match change["Action"]:
            case "CREATE" if key in records:
                raise _RefusedError(
                    f"Tried to create resource record set [name='{new.name}', type='{new.type}'] "
                    "but it already exists"
                )
            case "DELETE" if key not in records or not _equal(records[key], new):
                raise _RefusedError(
                    f"Tried to delete resource record set [name='{new.name}', type='{new.type}'] "
                    "but it was not found, or its values are others"
                )
            case "DELETE":
                del records[key]
                continue
        if any(
            (name, kind) == key[:2] and (of_set is None) != (key[2] is None) for name, kind, of_set in records
        ):
            raise _RefusedError(
                f"{new.name} {new.type}: a plain record set and others with identifiers exclude each other"
            )
        records[key] = new
    zone.rrsets = list(records.values())


def _record(given: dict[str, Any]) -> Any:
    name = given["Name"].rstrip(".").lower() + "."
    values = [one["Value"] if isinstance(one, dict) else one for one in given.get("ResourceRecords") or []]
    record_set: Any = RecordSet  # moto leaves abstract methods of CloudFormation open
    return record_set({**given, "Name": name, "ResourceRecords": values})


def _key(one: Any) -> tuple[str, str, str | None]:
    return (one.name, one.type, one.set_identifier)


def _equal(one: Any, other: Any) -> bool:
    return (str(one.ttl), sorted(one.records), one.alias_target) == (
        str(other.ttl),
        sorted(other.records),
        other.alias_target,
    )


def _check(zone: Any, record: Any) -> None:
    if record.name != zone.name and not record.name.endswith(f".{zone.name}"):
        raise _RefusedError(f"RRSet with DNS name {record.name} is not permitted in zone {zone.name}")
    if not record.records and not record.alias_target:
        raise _RefusedError(f"{record.name} {record.type}: neither records nor an alias")
    if record.type == "TXT":
        for value in record.records:
            texts = _TEXT.findall(value)
            if not texts or _TEXT.sub("", value).strip() or any(len(text) > _LONGEST_TEXT for text in texts):
                raise _RefusedError(
                    f"{record.name} TXT: not quoted texts of at most {_LONGEST_TEXT} characters: {value}"
                )
