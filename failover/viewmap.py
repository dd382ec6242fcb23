"""The views as HAProxy has them: a map of its own from a node's name to `in` or `out`, and the map's file.

HAProxy reads the file when it starts or reloads, and goes by the map in its memory from then on, which is
changed over its runtime socket. The file is written first: it is what was told last, whoever starts anew.
"""

from collections.abc import Mapping
from pathlib import Path

from failover.errors import HaproxyError
from failover.haproxy import Talk
from failover.views import View

HEADING = "# Written by the failover daemon: whether each node serves clients, as this one sees it.\n"


def parse_map(text: str) -> dict[str, str]:
    """Key and value of each line; lines of another form are passed over."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {row[0]: row[1] for row in rows if len(row) == 2}


def render_map(views: Mapping[str, View]) -> str:
    """The file's text."""
    return HEADING + "".join(f"{node} {view}\n" for node, view in sorted(views.items()))


def load_views(file: Path) -> dict[str, View]:
    """What was told last; nothing of a node whose line makes no sense, or without a file."""
    try:
        found = parse_map(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}
    return {node: View(value) for node, value in found.items() if value in set(View)}


def save_views(file: Path, views: Mapping[str, View]) -> None:
    """Replace the file as a whole; OSError when that cannot be."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(render_map(views), encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(file)


async def read_map(talk: Talk, file: Path) -> dict[str, str]:
    """HAProxy's map that is named after `file`; HaproxyError when it has none."""
    answer = await talk(f"show map {file}")
    rows = [line.split() for line in answer.splitlines() if line.strip()]
    if any(len(row) != 3 or not row[0].startswith("0x") for row in rows):
        raise HaproxyError(f"HAProxy answered `show map` with {answer.strip()[:80]!r}")
    return {key: value for _, key, value in rows}


def map_orders(file: Path, found: Mapping[str, str], wanted: Mapping[str, View]) -> tuple[str, ...]:
    """The commands that turn the map from `found` into `wanted`; none when it is so already."""
    gone = [f"del map {file} {key}" for key in found.keys() - wanted.keys()]
    new = [f"add map {file} {key} {wanted[key]}" for key in wanted.keys() - found.keys()]
    other = [
        f"set map {file} {key} {wanted[key]}"
        for key in wanted.keys() & found.keys()
        if found[key] != wanted[key]
    ]
    return tuple(sorted([*gone, *new, *other]))
