"""Encryption keys, which KMS finds by nothing: all of the account are looked at, and their aliases."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.recovery.account import Account, is_denied
from infra.recovery.kinds.base import ById, Look, differences, tags_of
from infra.recovery.model import Candidate, Pending, RecoveryError

_KEY = "aws:kms/key:Key"
_OURS = "alias/mtafleet-"


def _key(account: Account, pending: Pending) -> Sequence[Candidate]:
    """Those that bear the name.

    A key that the caller may not look at is somebody else's, unless one of our aliases leads to it.
    """
    region, wanted = pending.region, (pending.inputs.get("tags") or {}).get("Name")
    found, hidden = [], set()
    for one in account.listed("kms", region, "list_keys", "Keys"):
        try:
            candidate = _described(account, pending, one["KeyId"])
        except RecoveryError as error:
            if not is_denied(error):
                raise
            hidden.add(one["KeyId"])
            continue
        if candidate is not None and (candidate.tags or {}).get("Name") == wanted:
            found.append(candidate)
    return [*found, *_ours_though_hidden(account, region, hidden)]


def _ours_though_hidden(account: Account, region: str, hidden: set[str]) -> Sequence[Candidate]:
    if not hidden:
        return ()
    return [
        Candidate(one["TargetKeyId"], None, (f"has our alias {one['AliasName']} and may not be looked at",))
        for one in account.listed("kms", region, "list_aliases", "Aliases")
        if one["AliasName"].startswith(_OURS) and one.get("TargetKeyId") in hidden
    ]


def _described(account: Account, pending: Pending, identity: str) -> Candidate | None:
    """A key of the account's own that lives; None for any other."""
    region = pending.region
    told = account.find("kms", region, "describe_key", KeyId=identity)
    if told is None or not _lives(told["KeyMetadata"]):
        return None
    listed = account.listed("kms", region, "list_resource_tags", "Tags", KeyId=identity)
    tags = tags_of(listed, "TagKey", "TagValue")
    differs = differences(pending.inputs, told["KeyMetadata"], {"description": "Description"})
    return Candidate(identity, tags, differs)


def _lives(key: Mapping[str, Any]) -> bool:
    return key["KeyManager"] == "CUSTOMER" and not key["KeyState"].startswith("Pending")


def _alias(account: Account, pending: Pending) -> Sequence[Candidate]:
    name, key = pending.inputs["name"], str(pending.inputs["targetKeyId"]).rpartition("/")[2]
    return [
        Candidate(
            name, None, () if one.get("TargetKeyId") == key else (f"names the key {one.get('TargetKeyId')}",)
        )
        for one in account.listed("kms", pending.region, "list_aliases", "Aliases")
        if one["AliasName"] == name
    ]


KMS: dict[str, Look] = {"aws:kms/alias:Alias": _alias, _KEY: _key}
KMS_BY_ID: dict[str, ById] = {_KEY: _described}
