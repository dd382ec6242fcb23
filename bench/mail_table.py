"""The mail comparison as tables."""

from rich.console import Console
from rich.table import Table

from bench.mail_figures import FLEET, PLAIN, Side, limit, verdicts


def print_comparison(fleet: Side, plain: Side, idle: dict[str, float]) -> None:
    """Both sides beside each other, where the CPU time went, the targets, and what limited the rate."""
    console = Console(highlight=False)
    table = Table("", FLEET, PLAIN, box=None, title="mail")
    for label, left, right in _rows(fleet, plain, idle):
        table.add_row(label, left, right)
    console.print(table)
    console.print(_costs(fleet, plain))
    targets = Table("target", "measured", "wanted", "", box=None)
    for name, (measured, wanted, reached) in verdicts(fleet, plain).items():
        mark = "[green]reached[/green]" if reached else "[bold red]missed[/bold red]"
        targets.add_row(name, f"{measured:.2f}", f"{wanted:g}", mark)
    console.print(targets)
    console.print(f"The fleet's rate was limited by: {limit(fleet)}.")
    console.print(f"Plain Postfix's rate was limited by: {limit(plain)}.")


def _rows(fleet: Side, plain: Side, idle: dict[str, float]) -> list[tuple[str, str, str]]:
    def both(label: str, *texts: str) -> tuple[str, str, str]:
        return label, texts[0], texts[1]

    sides = (fleet, plain)
    return [
        both("CPU seconds per 1,000 messages", *(f"{one.cpu_seconds_per_thousand:.2f}" for one in sides)),
        both("  in each round", *(_each(one.cpu_of_each_round, "{:.2f}") for one in sides)),
        both("accepted a second", *(f"{one.accepted_per_second:.0f}" for one in sides)),
        both("delivered a second", *(f"{one.delivered_per_second:.0f}" for one in sides)),
        both("  in each round", *(_each(one.delivered_per_second_of_each_round, "{:.0f}") for one in sides)),
        both("accepted of attempted", *(f"{one.accepted} of {one.attempted}" for one in sides)),
        both("delivered", *(str(one.delivered) for one in sides)),
        both("bounced", *(str(one.bounced) for one in sides)),
        both("refused for now by a provider", *(str(one.deferrals) for one in sides)),
        both("delivered again", *(str(one.copies) for one in sides)),
        both("verified by the providers", *(f"{one.verified} ({_share(one)})" for one in sides)),
        both("  of which authenticated", *(str(one.authenticated) for one in sides)),
        both("CPU with nothing to send, % of a core", f"{idle[FLEET]:.1f}", f"{idle[PLAIN]:.1f}"),
        both("computer busy, %", *(f"{one.computer_busy_percent:.0f}" for one in sides)),
        both("  by strangers, %", *(f"{one.strangers_percent:.0f}" for one in sides)),
    ]


def _each(values: tuple[float, ...], form: str) -> str:
    return ", ".join(form.format(value) for value in values)


def _share(side: Side) -> str:
    return f"{100 * side.verified / max(side.delivered, 1):.1f} %"


def _costs(fleet: Side, plain: Side) -> Table:
    table = Table("CPU seconds per 1,000 messages", FLEET, PLAIN, box=None)
    names = sorted(
        {*fleet.breakdown, *plain.breakdown},
        key=lambda name: (name.startswith("("), -fleet.breakdown.get(name, 0.0)),
    )
    for name in names:
        shown = [f"{side.breakdown[name]:.3f}" if name in side.breakdown else "" for side in (fleet, plain)]
        table.add_row(name, *shown)
    return table
