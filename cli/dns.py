"""`mtafleet dns`: what the world sees of the fleet."""

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from cli.access import enter_network
from fleet.dns.compare import Kind
from fleet.dns.keys import public_keys
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.dns_verify import View, verify
from infra.outputs import read_outputs
from infra.sts_verify import verify_policies


@click.group()
def dns() -> None:
    """Look at the records a fleet publishes."""


@dns.command("verify")
@click.argument("environment")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify_command(environment: str, *, as_json: bool) -> None:
    """Compare what name servers answer with what the environment means, record by record.

    Asks each of the fleet's name servers for what it holds, follows delegations from the root (or asks this
    host's resolver), and fetches the MTA-STS policies from every node. Exits with 1 when anything differs.
    """
    fleet = Fleet.of(load_environment(environment))
    outputs = read_outputs(fleet.environment.environment, substrate=fleet.environment.substrate)
    pems = {
        domain: {selector: pem.get_secret_value() for selector, pem in selectors.items()}
        for domain, selectors in outputs.secrets.dkim.items()
    }
    enter_network(fleet.environment.environment, outputs.fleet)
    root_servers = [hint.address for hint in outputs.fleet.resolver.root_hints]
    public = outputs.fleet.public_addresses
    views = (
        *verify(fleet, public_keys(pems), root_servers, public=public),
        verify_policies(fleet, public=public),
    )
    if as_json:
        click.echo(json.dumps(as_data(views), indent=2))
    else:
        print_views(views)
    if any(view.differences for view in views):
        sys.exit(1)


def as_data(views: tuple[View, ...]) -> dict[str, object]:
    """The result for machines."""
    return {
        "ok": not any(view.differences for view in views),
        "views": [
            {
                "view": view.name,
                "checked": view.checked,
                "differences": [
                    {
                        "name": one.name,
                        "type": one.type,
                        "kind": one.kind.value,
                        "expected": one.expected,
                        "found": one.found,
                    }
                    for one in view.differences
                ],
            }
            for view in views
        ],
    }


def print_views(views: tuple[View, ...]) -> None:
    """One line for each way of asking, then each difference with both sides."""
    summary = Table()
    for heading in ("asked", "checked", "differences"):
        summary.add_column(heading, justify="left" if heading == "asked" else "right")
    for view in views:
        summary.add_row(view.name, str(view.checked), str(len(view.differences)))
    Console().print(summary)
    differences = [one for view in views for one in view.differences]
    for one in differences:
        click.echo(f"{one.view}: {one.name} {one.type}: {one.kind.value}")
        if one.kind is not Kind.NO_ANSWER:
            click.echo(f"    expected: {one.expected}")
        click.echo(f"    found:    {one.found}")
