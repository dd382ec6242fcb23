"""What Route 53 holds of the steered zone, and the change batches that turn it into what is wanted. Pure.

A batch is made whole or not at all, and a DELETE in it has to name a record set exactly as it is (Amazon
Route 53 API Reference, ChangeResourceRecordSets): so DELETE of what was observed with CREATE of what is
wanted compares and sets. UPSERT would overwrite what another writer has just written, so there is none.

Every batch replaces the TXT record `_epoch`, whose text is `EPOCH SERIAL`: the epoch of the lease as on a
name server of the fleet's own, and a number that rises with each batch. A writer of an older epoch, or one
that has not seen the last batch, deletes a record that is not there, and is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failover.errors import ZoneError
from failover.zone import EPOCH_LABEL, Answer, Fence, RecordChange

MOST_RECORDS = 1_000
MOST_CHARACTERS = 32_000
"""Of one batch: ResourceRecord elements, and characters in all their values (same reference; what an UPSERT
counts twice does not occur here)."""
EPOCH_TTL_SECONDS = 1
RecordSet = Mapping[str, Any]
"""As the API gives and takes it: `Name`, `Type`, `TTL`, `ResourceRecords`."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The steered zone as it was listed: record sets by name and type."""

    sets: Mapping[tuple[str, str], RecordSet]
    epoch: int | None = None
    """None when nobody has written the zone under a lease yet."""
    serial: int = 0

    def answer(self, name: str) -> Answer:
        """The A records of `name`."""
        found = self.sets.get((plain(name), "A"))
        if found is None:
            return Answer()
        return Answer(frozenset(_values(found)), int(found["TTL"]))


def listing_of(sets: Sequence[RecordSet], zone: str) -> Listing:
    """What these record sets say; ZoneError when the zone is not for one writer alone to steer."""
    found: dict[tuple[str, str], RecordSet] = {}
    for one in sets:
        if one["Type"] == "A" and ("SetIdentifier" in one or "AliasTarget" in one):
            what = "hangs on a routing policy" if "SetIdentifier" in one else "is an alias"
            raise ZoneError(f"route53: {plain(one['Name'])} {what}: remove it, the daemons write it plainly")
        found[plain(one["Name"]), one["Type"]] = one
    epoch = found.get((epoch_name(zone), "TXT"))
    if epoch is None:
        return Listing(found)
    match [text.strip('"').split() for text in _values(epoch)]:
        case [[number, serial]] if number.isdigit() and serial.isdigit():
            return Listing(found, int(number), int(serial))
    raise ZoneError(f"route53: the TXT record {epoch_name(zone)} holds no epoch: delete it")


def batches(
    changes: Sequence[RecordChange], fence: Fence, listing: Listing, zone: str
) -> Iterator[list[dict[str, Any]]]:
    """The batches for `changes`, each within what the API takes, each with the fence.

    A name is never without an answer between two of them: all that is about one name is in one batch.
    """
    before, after, serial = listing.sets.get((epoch_name(zone), "TXT")), fence.after, listing.serial
    parts = _parts(changes)
    if not parts and fence.rises:
        parts = [[]]
    for part in parts:
        batch = [] if before is None or after is None else [_delete(before)]
        if after is not None:
            serial += 1
            before = _txt(epoch_name(zone), f"{after} {serial}")
            batch.append(_create(before))
        for change in part:
            held = listing.sets.get((plain(change.name), "A"))
            batch += [_delete(held)] if held is not None else []
            batch.append(_create(_a(change)))
        yield batch


def _parts(changes: Sequence[RecordChange]) -> list[list[RecordChange]]:
    parts: list[list[RecordChange]] = []
    records = characters = 0
    for change in changes:
        values = [*change.before.addresses, *change.after.addresses]
        size = sum(map(len, values))
        if not parts or records + len(values) > _ROOM_RECORDS or characters + size > _ROOM_CHARACTERS:
            parts.append([])
            records = characters = 0
        parts[-1].append(change)
        records, characters = records + len(values), characters + size
    return parts


_ROOM_RECORDS = MOST_RECORDS - 2
_ROOM_CHARACTERS = MOST_CHARACTERS - 100
"""What the fence leaves."""


def plain(name: str) -> str:
    """A name in lower case, without the dot at its end."""
    return name.rstrip(".").lower()


def epoch_name(zone: str) -> str:
    return f"{EPOCH_LABEL}.{plain(zone)}"


def _values(found: RecordSet) -> list[str]:
    return [str(one["Value"]) for one in found.get("ResourceRecords", ())]


def _delete(found: RecordSet) -> dict[str, Any]:
    return {"Action": "DELETE", "ResourceRecordSet": dict(found)}


def _create(wanted: RecordSet) -> dict[str, Any]:
    return {"Action": "CREATE", "ResourceRecordSet": dict(wanted)}


def _a(change: RecordChange) -> RecordSet:
    records = [{"Value": address} for address in sorted(change.after.addresses)]
    return {
        "Name": f"{plain(change.name)}.",
        "Type": "A",
        "TTL": change.after.ttl_seconds,
        "ResourceRecords": records,
    }


def _txt(name: str, text: str) -> RecordSet:
    return {
        "Name": f"{name}.",
        "Type": "TXT",
        "TTL": EPOCH_TTL_SECONDS,
        "ResourceRecords": [{"Value": f'"{text}"'}],
    }
