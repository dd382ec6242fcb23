"""`mtafleet isp`: the catalogue's rules about replies: judged, asked, listed; and what they did not know."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from delivery.replies.explain import Explanation, explain_reply
from delivery.replies.lint import check
from delivery.replies.unknown import UnknownReplies
from fleet.catalogue import CATALOGUE_DIRECTORY, DEFAULT_ISP, Catalogue, Stage
from fleet.errors import MtafleetError
from fleet.validation import suggestion

UNKNOWN_FILE = Path("/var/lib/mtafleet/delivery/unknown-replies.jsonl")
WIDTH_IN_FILES = 200

_directory = click.option(
    "--catalogue",
    "directory",
    type=click.Path(path_type=Path),
    default=CATALOGUE_DIRECTORY,
    help="A folder of ISP files instead of the shipped one.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class UnknownIspError(MtafleetError):
    """The catalogue has no entry of that name."""


@click.group()
def isp() -> None:
    """Mailbox providers: their limits, and what their replies mean."""


@isp.command()
@_directory
def lint(directory: Path) -> None:
    """Judge the rules about replies by their own samples; exit status 2 with all that is wrong."""
    catalogue = check(directory)
    rules = [rule for one in catalogue.isps.values() for rule in one.replies]
    samples = sum(len(rule.samples) for rule in rules)
    click.echo(f"All sound: {len(catalogue.isps)} ISPs, {len(rules)} rules, {samples} samples.")


@isp.command()
@click.argument("reply")
@click.option("--isp", "name", default=DEFAULT_ISP, show_default=True, help="Whose reply it is.")
@_directory
@_as_json
def explain(reply: str, name: str, directory: Path, *, as_json: bool) -> None:
    """Say what REPLY means, what the fleet does about it, and who says so.

    REPLY is what a receiver answered, as it came or as Postfix logs it, or what Postfix says about the
    lack of an answer.
    """
    catalogue = Catalogue.load(directory)
    if name not in catalogue.isps:
        raise UnknownIspError(f"no ISP is called `{name}`. {suggestion(name, sorted(catalogue.isps))}")
    found = explain_reply(catalogue, name, reply)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, default=str))
        return
    for line in told(found):
        click.echo(line)


def told(found: Explanation) -> list[str]:
    """The same as lines for people."""
    lines = [
        f"reply:    {found.reply.code or 'none'} {found.reply.enhanced or ''}".rstrip(),
        f"meaning:  {found.meaning.category.replace('_', ' ')}; it speaks of the {found.meaning.scope}",
        f"done:     {'; '.join(found.does)}",
    ]
    if found.source is None:
        return [*lines, "rule:     none knows this reply: what is said follows from its class alone"]
    where = f", {found.source.url}" if found.source.url else ""
    lines += [f"rule:     {found.meaning.rule}", f"source:   {found.source.title}{where}"]
    return [*lines, f"          read {found.source.read.isoformat()}"]


@isp.command("list")
@_directory
@_as_json
def list_isps(directory: Path, *, as_json: bool) -> None:
    """List the ISPs with their mail exchangers, limits for established addresses, and rules."""
    catalogue = Catalogue.load(directory)
    rows = []
    for name, one in sorted(catalogue.isps.items()):
        limits = one.limits_at(Stage.ESTABLISHED)
        rows.append(
            {
                "isp": name,
                "title": one.title,
                "mx_suffixes": list(one.mx_suffixes),
                "connections": limits.connections.value,
                "connections_counted": one.connections_counted,
                "messages_per_connection": limits.messages_per_connection.value,
                "tls": one.tls,
                "rules": len(one.replies),
                "samples": sum(len(rule.samples) for rule in one.replies),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("ISP", "mail exchangers", "connections", "messages each", "TLS", "rules", box=None)
    for row in rows:
        connections = f"{row['connections']} {str(row['connections_counted']).replace('_', ' ')}"
        cells = [row["messages_per_connection"], row["tls"], row["rules"]]
        exchangers = " ".join(map(str, row["mx_suffixes"] if isinstance(row["mx_suffixes"], list) else ()))
        table.add_row(str(row["isp"]), exchangers or "all others", connections, *map(str, cells))
    Console(width=None if Console().is_terminal else WIDTH_IN_FILES).print(table)


@isp.command()
@click.option("--file", "path", type=click.Path(path_type=Path), default=UNKNOWN_FILE, show_default=True)
@click.option("--isp", "name", help="Of one ISP only.")
@_as_json
def unknown(path: Path, name: str | None, *, as_json: bool) -> None:
    """Show the replies that no rule knew, the most frequent first: rules still to be written."""
    entries = UnknownReplies.load(path).entries(name)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in entries], indent=2))
        return
    if not entries:
        click.echo("No reply was unknown.")
    for one in entries:
        click.echo(f"{one.isp}: {one.count} times, {_day(one.first_at)} to {_day(one.last_at)}: {one.words}")
        click.echo(f"    {one.sample}")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
