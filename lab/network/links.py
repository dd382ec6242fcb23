"""Links: delay, jitter and loss between two sites, changed while packets flow.

A perfect link is the kernel's own path through the core. Any other gets a more specific route
into the forwarder's device at both ends.
"""

import json
import socket
import sys
import time
from pathlib import Path

from lab import cgroups, records
from lab.errors import LabError
from lab.ids import LabPaths
from lab.locks import held
from lab.network import forwarder, namespaces, plan, sites
from lab.outer import namespace
from lab.outer.namespace import Outer
from lab.specs import LinkSpec, LinkState, SiteState, from_json, to_json

KIND = "links"
_FORWARDER = Path(forwarder.__file__)
_PLAN = Path("/run/lab/forwarder.json")
_SOCKET = Path("/run/lab/forwarder.sock")
_LOG = Path("/run/lab/forwarder.log")
_START_TIMEOUT_SECONDS = 60.0
_ANSWER_SECONDS = 20.0


def ensure(paths: LabPaths, spec: LinkSpec) -> LinkState:
    """Give the path between two existing sites these properties, live."""
    outer = namespace.require(paths)
    state = LinkState(name=spec.name, **to_json(spec))
    with held(paths.locks / "links"):
        ends = (sites.require(outer, spec.site_a), sites.require(outer, spec.site_b))
        records.write(outer, KIND, spec.name, to_json(state))
        _enforce(paths, outer, state, ends)
    return state


def read(paths: LabPaths, name: str) -> LinkState | None:
    """What is in force now; None when no such link was made, or it no longer carries packets."""
    outer = namespace.find(paths)
    state = None if outer is None else _find(outer, name)
    if outer is None or state is None:
        return None
    ends = (sites.find(outer, state.site_a), sites.find(outer, state.site_b))
    if ends[0] is None or ends[1] is None:
        return None
    routed = [_uses_forwarder(outer, ends[0], ends[1]), _uses_forwarder(outer, ends[1], ends[0])]
    if _is_perfect(state):
        return None if any(routed) else state
    return state if all(routed) and _apply_plan(outer) is None else None


def delete(paths: LabPaths, name: str) -> None:
    """Let the kernel carry the path, without delay, again; nothing happens when there is no such link."""
    outer = namespace.find(paths)
    if outer is None:
        return
    with held(paths.locks / "links"):
        state = _find(outer, name)
        if state is None:
            return
        ends = (sites.find(outer, state.site_a), sites.find(outer, state.site_b))
        if ends[0] is not None and ends[1] is not None:
            perfect = LinkState(name, state.site_a, state.site_b, 0.0, 0.0, 0.0)
            records.write(outer, KIND, name, to_json(perfect))
            _enforce(paths, outer, perfect, (ends[0], ends[1]))
        records.remove(outer, KIND, name)


def all_links(outer: Outer) -> list[LinkState]:
    found = (_find(outer, name) for name in records.names(outer, KIND))
    return [link for link in found if link is not None]


def _find(outer: Outer, name: str) -> LinkState | None:
    data = records.read(outer, KIND, name)
    return None if data is None else from_json(LinkState, data)


def _is_perfect(link: LinkState) -> bool:
    return not (link.delay_milliseconds or link.jitter_milliseconds or link.loss_percent)


def _enforce(paths: LabPaths, outer: Outer, link: LinkState, ends: tuple[SiteState, SiteState]) -> None:
    """Change plan and routes in the order that never leads packets to a forwarder not expecting them."""
    if _is_perfect(link):
        for here, there in (ends, ends[::-1]):
            if _uses_forwarder(outer, here, there):
                _route(outer, here, [f"route delete {there.network} dev {plan.WAN}"])
    _write_plan(outer)
    if not _is_perfect(link):
        _require_forwarder(paths, outer)
        for here, there in (ends, ends[::-1]):
            route = f"route replace {there.network} dev {plan.WAN} src {here.gateway}"
            _route(outer, here, [f"link set {plan.WAN} up txqueuelen 5000", route])
    elif (outer.root / str(_SOCKET).lstrip("/")).exists():
        _apply_plan(outer)


def _route(outer: Outer, here: SiteState, commands: list[str]) -> None:
    namespaces.configure(outer, plan.site_namespace(here.name), commands)


def _uses_forwarder(outer: Outer, here: SiteState, there: SiteState) -> bool:
    command = ["ip", "route", "show", there.network]
    return f"dev {plan.WAN}" in namespace.run(outer, command, network=plan.site_namespace(here.name))


def _write_plan(outer: Outer) -> None:
    imperfect = [link for link in all_links(outer) if not _is_perfect(link)]
    concerned = {site for link in imperfect for site in (link.site_a, link.site_b)}
    networks = {site.name: site.network for site in sites.all_sites(outer) if site.name in concerned}
    links = [link for link in imperfect if link.site_a in networks and link.site_b in networks]
    path = outer.root / str(_PLAN).lstrip("/")
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"sites": networks, "links": [to_json(link) for link in links]}))
    draft.rename(path)


def _require_forwarder(paths: LabPaths, outer: Outer) -> None:
    """Have the forwarder work by the present plan; start it when it does not run."""
    if _apply_plan(outer) is None:
        return
    group = cgroups.of_lab(paths) / "forwarder"
    if not cgroups.populated(group):
        _start(outer, group)
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while (complaint := _apply_plan(outer)) is not None:
        if time.monotonic() > deadline:
            raise LabError(f"the forwarder between sites does not work: {complaint}")
        time.sleep(0.01)


def _start(outer: Outer, group: Path) -> None:
    forever = 'while :; do "$@"; sleep 1; done'
    program = [sys.executable, "-I", "-S", str(_FORWARDER), str(_PLAN), str(_SOCKET)]
    namespace.spawn(outer, ["sh", "-c", forever, "sh", *program], group=group, log=_LOG, environment={})


def _apply_plan(outer: Outer) -> str | None:
    """Have the forwarder read its plan; None when it has, else what is wrong."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(outer.root / str(_SOCKET).lstrip("/")))
            reply = connection.recv(4096).decode()
        except OSError as error:
            return f"no answer from it ({error.strerror or error})"
    return None if reply == "ok" else reply or "it hung up"
