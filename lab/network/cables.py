"""A machine's place in the network: a namespace of its own, cabled to its site's bridge."""

from lab.network import namespaces, plan
from lab.outer.namespace import Outer, run
from lab.specs import SiteState


def connect(outer: Outer, machine: str, site: SiteState, addresses: tuple[str, ...]) -> None:
    """Make the machine's network namespace anew, with its addresses and routes."""
    inside = plan.machine_namespace(machine)
    namespaces.make(outer, inside, plan.MACHINE_SETTINGS)
    _pull_old_cable(outer, machine, site)
    namespaces.configure(outer, plan.site_namespace(site.name), plan.cable_commands(machine))
    namespaces.configure(outer, inside, plan.machine_commands(machine, site.network, addresses))


def disconnect(outer: Outer, machine: str) -> None:
    namespaces.remove(outer, plan.machine_namespace(machine))


def connected(outer: Outer, machine: str) -> bool:
    return namespaces.exists(outer, plan.machine_namespace(machine))


def _pull_old_cable(outer: Outer, machine: str, site: SiteState) -> None:
    """Remove a port that a namespace left behind: the kernel takes namespaces down in its own time."""
    present = run(outer, ["ip", "-brief", "link"], network=plan.site_namespace(site.name))
    port = plan.machine_port(machine)
    if any(line.split("@")[0].split()[0] == port for line in present.splitlines() if line):
        namespaces.configure(outer, plan.site_namespace(site.name), [f"link delete {port}"])
