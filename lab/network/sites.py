"""Sites: a router, a bridge and the way to the lab's core."""

from lab import records
from lab.errors import ConflictError
from lab.ids import LabPaths
from lab.locks import held
from lab.network import namespaces, plan
from lab.outer import namespace
from lab.outer.namespace import Outer
from lab.specs import SiteSpec, SiteState, from_json, to_json

KIND = "sites"


def ensure(paths: LabPaths, spec: SiteSpec) -> SiteState:
    """Make or adopt the site. ConflictError when it exists with another network."""
    outer = namespace.ensure(paths)
    wanted = SiteState(spec.name, spec.network, plan.gateway(spec.network))
    with held(paths.locks / "sites"):
        present = find(outer, spec.name)
        if present is None:
            _make(outer, spec)
            records.write(outer, KIND, spec.name, to_json(wanted))
        elif present != wanted:
            raise ConflictError(
                f"site {spec.name} has the network {present.network}, not {spec.network}; delete it first"
            )
    return wanted


def read(paths: LabPaths, name: str) -> SiteState | None:
    """What is there now; None when the site does not exist."""
    outer = namespace.find(paths)
    return None if outer is None else find(outer, name)


def delete(paths: LabPaths, name: str) -> None:
    """Remove the site; nothing happens when it is gone already."""
    outer = namespace.find(paths)
    if outer is None:
        return
    with held(paths.locks / "sites"):
        records.remove(outer, KIND, name)
        namespaces.remove(outer, plan.site_namespace(name))


def require(outer: Outer, name: str) -> SiteState:
    """The site, or ConflictError when it has not been made."""
    site = find(outer, name)
    if site is None:
        raise ConflictError(f"there is no site {name} in the lab; make it before what stands in it")
    return site


def all_sites(outer: Outer) -> list[SiteState]:
    found = (find(outer, name) for name in records.names(outer, KIND))
    return [site for site in found if site is not None]


def find(outer: Outer, name: str) -> SiteState | None:
    data = records.read(outer, KIND, name)
    if data is None or not namespaces.exists(outer, plan.site_namespace(name)):
        return None
    return from_json(SiteState, data)


def _make(outer: Outer, spec: SiteSpec) -> None:
    if not namespaces.exists(outer, plan.CORE) or records.read(outer, "core", plan.CORE) is None:
        namespaces.make(outer, plan.CORE, plan.ROUTER_SETTINGS)
        namespaces.configure(outer, plan.CORE, ["link set lo up"])
        records.write(outer, "core", plan.CORE, {})
    inside = plan.site_namespace(spec.name)
    namespaces.make(outer, inside, plan.ROUTER_SETTINGS)
    namespaces.remove_device(outer, plan.CORE, plan.core_port(spec.name))
    namespaces.configure(outer, inside, plan.site_commands(spec.name, spec.network))
    namespaces.configure(outer, plan.CORE, plan.core_commands(spec.name, spec.network))
