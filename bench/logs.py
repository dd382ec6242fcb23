"""How fast Postfix's log is read, and replies are understood: `uv run python -m bench.logs`."""

import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.main import benchmark
from delivery.logs import LogParser
from delivery.logs.events import Delivery, Unknown
from delivery.replies import Classifier, parse_reply
from fleet.catalogue import Catalogue
from fleet.errors import MtafleetError
from fleet.paths import project_root

WANTED_LINES_PER_SECOND = 150_000
CORPUS = project_root() / "tests" / "delivery" / "corpus"

_NAIVE = re.compile(
    rb"^(?P<stamp>\S+\s+\d+ [\d:]+) (?P<host>\S+) (?P<tag>\S+)\[(?P<pid>\d+)\]: "
    rb"(?:(?P<queue_id>[0-9A-Za-z]{6,20}|NOQUEUE): )?"
    rb"(?:to=<(?P<to>.*?)>, (?:orig_to=<.*?>, )?relay=(?P<relay>.*?), (?:conn_use=(?P<uses>\d+), )?"
    rb"delay=(?P<delay>[\d.]+), delays=(?P<delays>[\d./]+), dsn=(?P<dsn>[\d.]+), status=(?P<status>\S+) "
    rb"\((?P<text>.*)\)|from=<(?P<sender>.*?)>, size=(?P<size>\d+), nrcpt=(?P<count>\d+).*"
    rb"|message-id=(?P<id>.*)|(?P<removed>removed)|client=(?P<client>.*)|(?P<rest>.*))$"
)
"""What one would write first: one expression for a line. It takes fewer forms of stamps and tells less."""


class NoLogError(MtafleetError):
    """There are no lines to read."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One way of doing it over one set of lines or replies."""

    what: str
    count: int
    per_second: int
    """Median of the rounds, by this thread's CPU time: what else runs does not count."""


def measure(lines: Sequence[bytes], rounds: int) -> tuple[list[Timed], int]:
    """The rates, and how many lines were not understood."""
    parser = LogParser()
    events = [parser.parse(line) for line in lines]
    deliveries = [line for line, event in zip(lines, events, strict=True) if isinstance(event, Delivery)]
    texts = [event.text for event in events if isinstance(event, Delivery) and event.status != "sent"]
    classifier = Classifier(Catalogue.load())

    def classified(isp: str) -> Callable[[], object]:
        return lambda: [classifier.classify(isp, one) for one in replies]

    replies = [parse_reply(text) for text in texts]
    work: list[tuple[str, int, Callable[[], object]]] = [
        ("lines, parser", len(lines), lambda: _parse(lines)),
        ("lines, one naive expression", len(lines), lambda: _match(lines)),
        ("lines of deliveries, parser", len(deliveries), lambda: _parse(deliveries)),
        ("replies taken apart", len(texts), lambda: [parse_reply(text) for text in texts]),
        ("replies classified, google", len(replies), classified("google")),
        ("replies classified, default", len(replies), classified("default")),
    ]
    found = [Timed(what, count, _rate(count, do, rounds)) for what, count, do in work if count]
    return found, sum(isinstance(event, Unknown) for event in events)


def _parse(lines: Sequence[bytes]) -> None:
    parse = LogParser().parse
    for line in lines:
        parse(line)


def _match(lines: Sequence[bytes]) -> None:
    for line in lines:
        found = _NAIVE.match(line)
        if found:
            found.groupdict()


def _rate(count: int, do: Callable[[], object], rounds: int) -> int:
    rates = []
    for _ in range(rounds):
        started = time.thread_time()
        do()
        rates.append(count / max(time.thread_time() - started, 1e-9))
    return round(statistics.median(rates))


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--lines", "wanted", type=click.IntRange(min=1), default=100_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def logs(files: tuple[Path, ...], wanted: int, rounds: int, *, as_json: bool) -> None:
    """Read FILES, or the tests' lines of real Postfix again and again, and say how many lines a second.

    Exit status 1 when the parser stays below what is wanted of it.
    """
    names = files or tuple(sorted(CORPUS.glob("*.log")))
    lines = [line for path in names for line in path.read_bytes().splitlines()]
    if not lines:
        raise NoLogError(f"no lines in {', '.join(map(str, names)) or CORPUS}; name a log of Postfix")
    lines = (lines * (wanted // len(lines) + 1))[:wanted]
    found, unknown = measure(lines, rounds)
    ratio = round(found[0].per_second / found[1].per_second, 2)
    if as_json:
        data = {"rates": [asdict(one) for one in found], "ratio_to_naive": ratio, "unknown_lines": unknown}
        click.echo(json.dumps(data, indent=2))
    else:
        for one in found:
            click.echo(f"{one.what:32} {one.per_second:>10,} a second  ({one.count:,})")
        click.echo(f"against the naive expression: {ratio}; not understood: {unknown} of {len(lines):,}")
    if found[0].per_second < WANTED_LINES_PER_SECOND:
        raise SystemExit(1)


if __name__ == "__main__":
    benchmark(logs)
