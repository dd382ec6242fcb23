"""What a node says of itself in its heartbeats: small, versioned, taken as a whole or not at all. Pure.

    {"failing": ["orders", "entry:orders"],      what does not answer the sender on itself
     "v": 2,                                     absent: no figures follow
     "disk": 81, "cpu": 12, "lag": 3,            percent free, percent of the time, milliseconds
     "cert": 5184000,                            seconds until the certificate expires
     "queues": {"orders": [waiting, seconds until taken up, messages an hour or null]},
     "shut": {"orders": "198.51.100.21"},        an address without a way out
     "lost": {"orders": "a message to ..."}}     what became of canaries that do not arrive: version 3

`failing` means the same in every version: a daemon reads it from versions it does not know, and older ones
read nothing else. A report that does not fit into one datagram loses the queues that have least to say.
"""

import json
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Address
from typing import Any, NamedTuple, TypeVar

from failover.decide import QueueFigures, Vitals

VERSION, VERSION_WITH_LOST = 2, 3
"""The higher one only while there is something lost: so long, older daemons go by `failing` alone."""
MOST_BYTES = 900
"""With the heartbeat's own part and the longest name it stays below `heartbeat.MAXIMUM_BYTES`."""
_MOST_ITEMS = 64
_MOST_CHARACTERS = 128
_MOST_FIGURE = 2**31
T = TypeVar("T")


class Report(NamedTuple):
    failing: frozenset[str] = frozenset()
    vitals: Vitals | None = None
    refused: bool = False
    """Whether what was said made no sense: nothing of it counts."""


class _Malformed(Exception):  # noqa: N818  it leaves this module never
    """Some part is not as it should be."""


def encode_report(failing: Collection[str], vitals: Vitals | None = None) -> bytes:
    """The body of a heartbeat, never longer than MOST_BYTES."""
    said: dict[str, Any] = {"failing": _fitting(sorted(failing))}
    if vitals is None:
        return _json(said)
    said["v"] = VERSION_WITH_LOST if vitals.lost else VERSION
    figures = {
        "disk": vitals.disk_free_percent,
        "cpu": vitals.cpu_pressure_percent,
        "lag": vitals.lag_milliseconds,
        "cert": vitals.certificate_seconds,
    }
    said |= {name: figure for name, figure in figures.items() if figure is not None}
    if len(_json(said)) > MOST_BYTES:
        return _json({"failing": said["failing"]})
    lost = {pool: words for pool, said_of_it in vitals.lost.items() if (words := _printable(said_of_it))}
    named = (("lost", _in_order(lost)), ("shut", _in_order(vitals.shut)), ("queues", _queues(vitals.queues)))
    for key, values in named:
        said[key] = {}
        for name, value in values:
            said[key][name] = value
            if len(_json(said)) > MOST_BYTES:
                del said[key][name]
        if not said[key]:
            del said[key]
    return _json(said)


def decode_report(body: bytes) -> Report:
    """What a body says; one that is malformed in any part says nothing. Never raises."""
    try:
        return _report(json.loads(body.decode())) if body and len(body) <= MOST_BYTES else _REFUSED
    except (ValueError, RecursionError, _Malformed):
        return _REFUSED


_REFUSED = Report(refused=True)
_READ = (VERSION, VERSION_WITH_LOST)


def _report(value: object) -> Report:
    if not isinstance(value, dict):
        raise _Malformed
    if value == {}:
        return Report()
    failing = value.get("failing")
    if not isinstance(failing, list) or len(failing) > _MOST_ITEMS:
        raise _Malformed
    items = frozenset(_text(one) for one in failing)
    if "v" in value and not _is_whole(value["v"], 1, _MOST_FIGURE):
        raise _Malformed
    return Report(items, _vitals(value) if value.get("v") in _READ else None)


def _vitals(value: Mapping[str, Any]) -> Vitals:
    if value.keys() - {"failing", "v", "disk", "cpu", "lag", "cert", "queues", "shut", "lost"}:
        raise _Malformed
    return Vitals(
        _figure(value.get("disk"), 0, 100),
        _figure(value.get("cpu"), 0, 100),
        _figure(value.get("lag"), 0, _MOST_FIGURE),
        _figure(value.get("cert"), -_MOST_FIGURE, _MOST_FIGURE),
        _named(value.get("queues", {}), _queue),
        _named(value.get("shut", {}), _address),
        _named(value.get("lost", {}), _text),
    )


def _named(value: object, read: Callable[[object], T]) -> Mapping[str, T]:
    if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
        raise _Malformed
    return {_text(name): read(one) for name, one in value.items()}


def _queue(value: object) -> QueueFigures:
    if not isinstance(value, list) or len(value) != len(QueueFigures._fields):
        raise _Malformed
    waiting, untaken, rate = value
    if not _is_whole(waiting, 0, _MOST_FIGURE) or not _is_whole(untaken, 0, _MOST_FIGURE):
        raise _Malformed
    return QueueFigures(waiting, untaken, _figure(rate, 0, _MOST_FIGURE))


def _address(value: object) -> str:
    try:
        return str(IPv4Address(_text(value)))
    except ValueError:
        raise _Malformed from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_CHARACTERS or not value.isprintable():
        raise _Malformed
    return value


def _printable(words: str) -> str:
    """What a server has said may hold anything; no part of a report may make all of it worthless."""
    return "".join(one if one.isprintable() else "?" for one in words)[:_MOST_CHARACTERS]


def _figure(value: object, low: int, high: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not _is_whole(value, low, high):
        raise _Malformed
    return value


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _fitting(items: list[str]) -> list[str]:
    """As many as fit: a datagram that nobody takes would make the node look dead."""
    while len(items) > _MOST_ITEMS or len(_json({"failing": items})) > MOST_BYTES:
        items = items[:-1]
    return items


def _queues(queues: Mapping[str, QueueFigures]) -> list[tuple[str, list[int | None]]]:
    ordered = sorted(queues.items(), key=lambda one: (-one[1].untaken_seconds, -one[1].waiting, one[0]))
    return [(pool, list(queue)) for pool, queue in ordered[:_MOST_ITEMS]]


def _in_order(shut: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(shut.items())[:_MOST_ITEMS]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
