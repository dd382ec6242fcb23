"""`mtafleet cost`: what a fleet on AWS costs, by list prices."""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fleet.aws.cost import Cost, monthly_cost
from fleet.errors import MtafleetError
from fleet.spec.load import load_environment


class CostError(MtafleetError):
    """The environment has no list prices."""


@click.command()
@click.option("-e", "--environment", required=True, metavar="NAME|FILE", help="An environment on AWS.")
@click.option("--volume", required=True, type=click.IntRange(min=1), help="Messages a month.")
@click.option(
    "--message-kilobytes",
    type=click.FloatRange(min=0.1),
    default=50.0,
    show_default=True,
    help="The average size of a message, attachments included.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def cost(environment: str, volume: int, message_kilobytes: float, *, as_json: bool) -> None:
    """Say what a fleet costs a month, and for each 1,000 messages, by region and by pool.

    Figures are AWS's list prices on demand as of the day printed below them, without taxes, discounts and
    free tiers. What operators cost is not in them.
    """
    spec = load_environment(environment)
    if spec.aws is None:
        raise CostError(
            f"{spec.environment} is on the substrate `{spec.substrate}`: only `aws` has list prices"
        )
    found = monthly_cost(spec, volume, int(message_kilobytes * 1000))
    if as_json:
        click.echo(json.dumps(as_data(found), indent=2))
        return
    print_cost(spec.environment, found)


def as_data(found: Cost) -> dict[str, Any]:
    """The result for machines; amounts are US dollars."""
    return {
        "messages_per_month": found.messages,
        "dollars_per_month": round(found.dollars, 2),
        "dollars_per_thousand_messages": round(found.per_thousand(found.dollars, found.messages), 4),
        "by_kind": _rounded(found.by_kind()),
        "by_region": _rounded(found.by_site()),
        "by_pool": {
            name: {
                "dollars_per_month": round(dollars, 2),
                "dollars_per_thousand_messages": round(
                    found.per_thousand(dollars, found.pool_messages[name]), 4
                ),
            }
            for name, dollars in found.by_pool.items()
        },
        "list_prices_read": found.prices.read.isoformat(),
        "sources": found.prices.sources,
    }


def print_cost(name: str, found: Cost) -> None:
    """A table for each way of cutting the bill, then what the figures are."""
    console = Console()
    console.print(_table("for what", found.by_kind(), found))
    console.print(_table("where", found.by_site(), found))
    pools = Table()
    pools.add_column("pool")
    for heading in ("messages a month", "US$ a month", "US$ per 1,000"):
        pools.add_column(heading, justify="right")
    for pool, dollars in found.by_pool.items():
        messages = found.pool_messages[pool]
        each = found.per_thousand(dollars, messages)
        pools.add_row(pool, f"{messages:,.0f}", f"{dollars:,.2f}", f"{each:.4f}")
    console.print(pools)
    total = found.per_thousand(found.dollars, found.messages)
    click.echo(
        f"{name}: US$ {found.dollars:,.2f} a month, US$ {total:.4f} per 1,000 messages "
        f"at {found.messages:,} messages a month.\n"
        f"List prices on demand as of {found.prices.read.isoformat()}, without taxes, discounts "
        "and free tiers, from copies of:"
    )
    for source in found.prices.sources:
        click.echo(f"  {source}")


def _table(heading: str, rows: dict[str, float], found: Cost) -> Table:
    table = Table()
    table.add_column(heading)
    for column in ("US$ a month", "US$ per 1,000"):
        table.add_column(column, justify="right")
    for name, dollars in rows.items():
        each = found.per_thousand(dollars, found.messages)
        table.add_row(name, f"{dollars:,.2f}", f"{each:.4f}")
    return table


def _rounded(rows: dict[str, float]) -> dict[str, float]:
    return {name: round(dollars, 2) for name, dollars in rows.items()}
