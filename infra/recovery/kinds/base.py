"""What the look-ups of all types share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from infra.recovery.account import Account
from infra.recovery.model import Candidate, Pending, Values

Look = Callable[[Account, Pending], Sequence[Candidate]]
ById = Callable[[Account, Pending, str], Candidate | None]
"""What AWS has under an id, None when nothing of that type: what the operator chose is looked at, too."""

IN_USE = "is in use"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that only the run itself will know."""

_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - how the engine marks encrypted values


def tags_of(listed: Iterable[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {one[key]: one[value] for one in listed}


def at(item: Any, path: str) -> Any:
    """What lies at a dotted path, None when there is nothing."""
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def differences(inputs: Values, item: Any, same: Mapping[str, str]) -> tuple[str, ...]:
    """In which of the inputs (by name, with the path in AWS's answer) they differ, in words."""
    return tuple(
        f"has {name} {at(item, path)} instead of {inputs[name]}"
        for name, path in same.items()
        if not alike(inputs.get(name), at(item, path))
    )


def alike(wanted: Any, actual: Any) -> bool:
    """Whether AWS's value is the one asked for; one not asked for, secret or unknown may be anything."""
    if wanted is None or is_unknown(wanted) or (isinstance(wanted, Mapping) and _SECRET in wanted):
        return True
    if isinstance(wanted, list) and isinstance(actual, list):
        return sorted(map(str, wanted)) == sorted(map(str, actual))
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and isinstance(actual, int | float):
        return float(wanted) == float(actual)
    return str(wanted).rstrip(".") == str(actual).rstrip(".") if isinstance(wanted, str) else wanted == actual


def is_unknown(value: Any) -> bool:
    """Whether a value, or a part of it, is one that only the run itself will know."""
    if isinstance(value, Mapping):
        return any(map(is_unknown, value.values()))
    if isinstance(value, list):
        return any(map(is_unknown, value))
    return bool(value == UNKNOWN)
