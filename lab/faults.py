"""Faults a drill can inject, each with the call that undoes it.

Packets are dropped by nftables tables of their own in the routers, so that neither the machines'
own rules nor their network settings are touched: a machine cannot tell, it only hears nothing.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from lab import cgroups, machine, records
from lab.errors import ConflictError
from lab.ids import LabPaths
from lab.netns import OPERATOR_SITE
from lab.network import plan, sites
from lab.outer import namespace
from lab.outer.namespace import Outer

_PORTS = """\
add table bridge faults
add set bridge faults dead {{ type ifname; }}
add set bridge faults mute {{ type ifname; }}
add chain bridge faults entering {{ type filter hook prerouting priority -300; }}
add chain bridge faults leaving {{ type filter hook postrouting priority 300; }}
flush chain bridge faults entering
flush chain bridge faults leaving
add rule bridge faults entering iifname @dead drop
add rule bridge faults entering iifname @mute drop
add rule bridge faults leaving oifname @dead drop
{verb} element bridge faults {kind} {{ "{port}" }}
"""


def blackhole(paths: LabPaths, name: str) -> None:
    """Drop every packet from and to the machine, those of the operator too."""
    _set_port(paths, name, "dead", verb="add")


def mute(paths: LabPaths, name: str) -> None:
    """Drop every packet from the machine; it hears all that is sent to it."""
    _set_port(paths, name, "mute", verb="add")


def heal(paths: LabPaths, name: str) -> None:
    """Undo `blackhole` and `mute`; nothing happens when the machine was in neither."""
    for kind in ("dead", "mute"):
        _set_port(paths, name, kind, verb="add")  # deleting what is absent would be an error
        _set_port(paths, name, kind, verb="delete")


def cut_region(paths: LabPaths, site: str, *, spare_operator: bool = True) -> None:
    """Drop every packet that enters or leaves the site.

    The operator's own path may stay, as a management network would in a real region, so that a
    drill can still look inside.
    """
    outer = namespace.require(paths)
    sites.require(outer, site)
    operator = sites.find(outer, OPERATOR_SITE) if spare_operator else None
    spared = [f"ip {end} {operator.network} accept" for end in ("saddr", "daddr")] if operator else []
    rules = "\n".join(f"add rule inet faults cut {rule}" for rule in [*spared, "drop"])
    _nft(
        outer,
        site,
        "add table inet faults\n"
        "add chain inet faults cut { type filter hook forward priority -300; }\n"
        f"flush chain inet faults cut\n{rules}\n",
    )


def heal_region(paths: LabPaths, site: str) -> None:
    """Undo `cut_region`; nothing happens when the site was not cut off."""
    outer = namespace.require(paths)
    sites.require(outer, site)
    _nft(outer, site, "add table inet faults\ndelete table inet faults\n")


def freeze(paths: LabPaths, name: str, unit: str) -> int:
    """SIGSTOP to all processes of the units matching a glob, e.g. `postfix@*.service`.

    Returns how many were stopped. A process may fork while we go through the list, so the list
    is read again until it holds nobody new. ConflictError when no unit of that name runs.
    """
    stopped: set[int] = set()
    while new := set(_unit_processes(paths, name, unit)) - stopped:
        _signal(new, signal.SIGSTOP)
        stopped |= new
    if not stopped:
        raise ConflictError(f"machine {name} runs no unit {unit} that could be stopped")
    return len(stopped)


def thaw(paths: LabPaths, name: str, unit: str) -> int:
    """SIGCONT to all processes of the units matching a glob; returns how many there were."""
    processes = set(_unit_processes(paths, name, unit))
    _signal(processes, signal.SIGCONT)
    return len(processes)


def heal_all(paths: LabPaths) -> None:
    """Undo every network fault and continue every stopped process; for cleaning up after a drill.

    Nothing happens when the lab is not running. Dead machines stay dead: see `machine.start`.
    """
    outer = namespace.find(paths)
    if outer is None:
        return
    for site in sites.all_sites(outer):
        for family in ("bridge", "inet"):
            _nft(outer, site.name, f"add table {family} faults\ndelete table {family} faults\n")
    for name in records.names(outer, machine.KIND):
        processes = cgroups.process_ids(cgroups.of_machine(paths, name) / "payload")
        _signal({pid for pid in processes if _is_stopped(pid)}, signal.SIGCONT)


def _set_port(paths: LabPaths, name: str, kind: str, verb: str) -> None:
    outer = namespace.require(paths)
    site = machine.require(outer, name).site
    _nft(outer, site, _PORTS.format(verb=verb, kind=kind, port=plan.machine_port(name)))


def _nft(outer: Outer, site: str, rules: str) -> None:
    namespace.run(outer, ["nft", "-f", "-"], network=plan.site_namespace(site), stdin=rules)


def _unit_processes(paths: LabPaths, name: str, unit: str) -> list[int]:
    groups = cgroups.units(cgroups.of_machine(paths, name), unit)
    return [pid for group in groups for pid in cgroups.process_ids(group)]


def _signal(processes: set[int], number: int) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _is_stopped(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text[text.rindex(")") + 2] == "T"
