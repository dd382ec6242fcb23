"""`mtafleet check` and `mtafleet schema`: what a person wrote, judged and explained."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fleet.catalogue import Catalogue
from fleet.dns import DkimPublicKey, zones
from fleet.errors import MtafleetError
from fleet.paths import project_root
from fleet.problems import CatalogueError, Problem, ProblemsError, SpecError, whole_file
from fleet.schema import SCHEMAS, schema_text, write_schemas
from fleet.spec.load import environment_path, load_environment
from fleet.topology import Fleet
from fleet.transports import instance_transports

# Stands for keys that exist only once a fleet is provisioned; as long as a real one of 2,048 bits.
_PLACEHOLDER_KEY = DkimPublicKey("rsa", "A" * 392)

Summary = dict[str, int]


@click.command()
@click.option(
    "-e",
    "--environment",
    metavar="NAME|FILE",
    help="An environment of the project, or a file. Default: all of the project's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(environment: str | None, as_json: bool) -> None:
    """Validate environment files, the ISP catalogue, and all that is derived from them.

    Exits with 0 when everything is sound, with 2 when something has to be put right.
    """
    problems: list[Problem] = []
    catalogue: Catalogue | None = None
    try:
        catalogue = Catalogue.load()
    except CatalogueError as error:
        problems += error.problems
    summaries: dict[str, Summary] = {}
    for path in _paths(environment):
        try:
            summaries[str(path)] = _summary(path, catalogue)
        except ProblemsError as error:
            problems += error.problems
        except MtafleetError as error:
            what, _, remedy = str(error).rpartition(": ")
            problems.append(whole_file(path, what or remedy, remedy if what else "Change what it names."))
    if as_json:
        click.echo(json.dumps(_as_data(summaries, catalogue, problems), indent=2))
    elif problems:
        click.echo(f"error: {ProblemsError(problems)}", err=True)
    else:
        _print_table(summaries, catalogue)
    if problems:
        sys.exit(2)


@click.command()
@click.argument("name", type=click.Choice(list(SCHEMAS)), default="environment")
@click.option("--write", is_flag=True, help="Write all schemas to fleet/schema/ instead.")
def schema(name: str, write: bool) -> None:
    """Print the JSON Schema of the environment file or of a catalogue entry.

    Editors find it through the first line of each file and complete keys from it.
    """
    if not write:
        click.echo(schema_text(name), nl=False)
        return
    for path in write_schemas():
        click.echo(str(path))


def _paths(environment: str | None) -> list[Path]:
    if environment is not None:
        return [environment_path(environment)]
    folder = project_root() / "environments"
    paths = [environment_path(path.stem) for path in sorted(folder.glob("*.yaml"))]
    if not paths:
        what = "there is no environment file"
        raise SpecError([whole_file(folder, what, "Run this in a project, or name a file with -e.")])
    return paths


def _summary(path: Path, catalogue: Catalogue | None) -> Summary:
    """What follows from the environment; raises what makes it unfit."""
    environment = load_environment(path)
    fleet = Fleet.of(environment)
    keys = {
        domain: dict.fromkeys(
            (sending.dkim_selectors.active, sending.dkim_selectors.standby), _PLACEHOLDER_KEY
        )
        for domain, sending in environment.domains.items()
    }
    all_zones = zones(fleet, keys)
    summary = {
        "regions": len(environment.regions),
        "mail servers": len(fleet.mta_nodes),
        "pools": len(fleet.pools),
        "sending addresses": len(fleet.sending_addresses),
        "sending domains": len(environment.domains),
        "users": len(environment.users),
        "DNS zones": len(all_zones),
        "DNS records": sum(len(zone.records) for zone in all_zones),
    }
    if catalogue is not None:
        instances = instance_transports(fleet, catalogue, date.today())
        summary["Postfix instances"] = len(instances)
        summary["transports"] = sum(len(instance.transports) for instance in instances.values())
    return summary


def _as_data(
    summaries: dict[str, Summary], catalogue: Catalogue | None, problems: list[Problem]
) -> dict[str, Any]:
    return {
        "ok": not problems,
        "environments": summaries,
        "isps": sorted(catalogue.isps) if catalogue is not None else None,
        "problems": [
            {"file": one.file, "line": one.line, "key": one.key, "what": one.what, "remedy": one.remedy}
            for one in ProblemsError(problems).problems
        ],
    }


def _print_table(summaries: dict[str, Summary], catalogue: Catalogue | None) -> None:
    table = Table(title="All sound")
    table.add_column("")
    for file in summaries:
        table.add_column(Path(file).stem, justify="right", overflow="fold")
    for key in next(iter(summaries.values())):
        table.add_row(key, *(str(summary[key]) for summary in summaries.values()))
    if catalogue is not None:
        table.add_row("ISPs in the catalogue", *(str(len(catalogue.isps)) for _ in summaries))
    Console().print(table)
