"""Reading typed values out of decoded JSON, with errors that name the key and what would be right."""

import json
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from failover.errors import ConfigError

T = TypeVar("T")


class Fields:
    """One JSON object being read; `path` is where it stands in the file, e.g. `peers[2]`.

    Every key must be taken by one of the methods before `done()`, which refuses the rest.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise ConfigError(f"{path or 'the file'}: expected an object, found {_kind(value)}")
        self._values: dict[str, Any] = value
        self._left = set(value)
        self._path = path

    def at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def text(self, key: str, *, empty: bool = False) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not (value or empty):
            raise ConfigError(f"{self.at(key)}: expected a text that is not empty, found {_kind(value)}")
        return value

    def path(self, key: str) -> Path:
        found = Path(self.text(key))
        if not found.is_absolute():
            raise ConfigError(f"{self.at(key)}: expected an absolute path, found {str(found)!r}")
        return found

    def address(self, key: str) -> str:
        return ipv4(self.text(key), self.at(key))

    def whole(self, key: str, low: int, high: int) -> int:
        return whole(self._take(key), self.at(key), low, high)

    def number(self, key: str, low: float, high: float) -> float:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigError(f"{self.at(key)}: expected a number from {low:g} to {high:g}, found {value!r}")
        return float(value)

    def truth(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.at(key)}: expected true or false, found {_kind(value)}")
        return value

    def seconds(self, key: str, low: float, high: float) -> float:
        """A key in milliseconds, as seconds; bounds in milliseconds."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigError(f"{self.at(key)}: expected {low:g} to {high:g} milliseconds, found {value!r}")
        return float(value) / 1000

    def optional(self, key: str, read: Callable[["Fields"], T]) -> T | None:
        """The object under `key` as `read` makes it; None when it is absent or null."""
        return read(self.inner(key)) if self.has(key) else None

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def has(self, key: str) -> bool:
        """Whether `key` is there and not null."""
        if self._values.get(key) is None:
            self._left.discard(key)
            return False
        return True

    def inner(self, key: str) -> "Fields":
        return Fields(self._take(key), self.at(key))

    def objects(self, key: str) -> list["Fields"]:
        return [Fields(one, f"{self.at(key)}[{index}]") for index, one in enumerate(self.items(key))]

    def items(self, key: str) -> list[Any]:
        value = self._take(key)
        if not isinstance(value, list):
            raise ConfigError(f"{self.at(key)}: expected a list, found {_kind(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        for one in (found := self.items(key)):
            if not isinstance(one, str) or not one:
                raise ConfigError(f"{self.at(key)}: expected a list of texts, found {_kind(one)} in it")
        return tuple(found)

    def mapping(self, key: str, read: Callable[[object, str], T]) -> Mapping[str, T]:
        """An object whose keys are names chosen by the file."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise ConfigError(f"{self.at(key)}: expected an object, found {_kind(value)}")
        return {name: read(one, f"{self.at(key)}.{name}") for name, one in value.items()}

    def done(self) -> None:
        if self._left:
            raise ConfigError(f"{self.at(min(self._left))}: no such key is known here")

    def _take(self, key: str) -> Any:
        if key not in self._values:
            raise ConfigError(f"{self.at(key)}: this key is missing")
        self._left.discard(key)
        return self._values[key]


def read_json(path: Path, read: Callable[[object], T]) -> T:
    """What `read` makes of the JSON at `path`; ConfigError names file, key and what would be right."""
    try:
        return read(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def ipv4(value: object, path: str) -> str:
    """`value` when it is the text of an IPv4 address."""
    try:
        return str(IPv4Address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ConfigError(f"{path}: expected an IPv4 address, found {value!r}") from None


def port(value: object, path: str) -> int:
    """`value` when it is a port number."""
    return whole(value, path, 1, 65_535)


def whole(value: object, path: str, low: int, high: int) -> int:
    """`value` when it is a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{path}: expected a whole number from {low} to {high}, found {value!r}")
    return value


def _kind(value: object) -> str:
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), f"the number {value!r}")
