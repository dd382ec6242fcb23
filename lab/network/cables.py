"""A machine's place in the network: a namespace of its own, cabled to its site's bridge."""

from lab.network import namespaces, plan
from lab.outer.namespace import Outer
from lab.specs import SiteState


def connect(outer: Outer, machine: str, site: SiteState, addresses: tuple[str, ...]) -> None:
    """Make the machine's network namespace anew, with its addresses and routes."""
    inside = plan.machine_namespace(machine)
    namespaces.make(outer, inside, plan.MACHINE_SETTINGS)
    namespaces.remove_device(outer, plan.site_namespace(site.name), plan.machine_port(machine))
    namespaces.configure(outer, plan.site_namespace(site.name), plan.cable_commands(machine))
    namespaces.configure(outer, inside, plan.machine_commands(machine, site.network, addresses))


def disconnect(outer: Outer, machine: str) -> None:
    namespaces.remove(outer, plan.machine_namespace(machine))


def pull(outer: Outer, machine: str, site: str) -> None:
    """Take the cable out at the bridge, as when the machine has no power: from now on nobody hears it."""
    namespaces.configure(outer, plan.site_namespace(site), [f"link set {plan.machine_port(machine)} down"])


def plug(outer: Outer, machine: str, site: str) -> None:
    """Undo `pull`; nothing happens when the cable is in."""
    namespaces.configure(outer, plan.site_namespace(site), [f"link set {plan.machine_port(machine)} up"])


def connected(outer: Outer, machine: str) -> bool:
    return namespaces.exists(outer, plan.machine_namespace(machine))
