"""The lab's machinery in one place, for the provider, the command line and the tests.

Each kind of thing has `ensure(paths, spec) -> state`, `read(paths, name) -> state | None` and
`delete(paths, name)`, all of them safe to repeat and to call after an interrupted call:

    image.ensure(cache)        lab.image.build     one image, shared by all labs of a user
    outer.ensure / destroy     lab.outer.namespace the lab itself
    sites, links, addresses    lab.network.*
    disk, machine              lab.disk, lab.machine
    faults, usage, netns       lab.faults, lab.usage, lab.netns

`ensure` of a site, disk or machine claims the lab and makes the outer namespace when needed.
"""

from lab import disk, faults, machine, netns, usage
from lab.ids import LabPaths
from lab.image import build as image
from lab.network import addresses, links, sites
from lab.outer import namespace as outer
from lab.specs import (
    AddressSpec,
    AddressState,
    Bind,
    DiskSpec,
    DiskState,
    LinkSpec,
    LinkState,
    MachineSpec,
    MachineState,
    SiteSpec,
    SiteState,
    from_json,
    link_name,
    to_json,
)

__all__ = [
    "AddressSpec",
    "AddressState",
    "Bind",
    "DiskSpec",
    "DiskState",
    "LabPaths",
    "LinkSpec",
    "LinkState",
    "MachineSpec",
    "MachineState",
    "SiteSpec",
    "SiteState",
    "addresses",
    "disk",
    "faults",
    "from_json",
    "image",
    "link_name",
    "links",
    "machine",
    "netns",
    "outer",
    "sites",
    "to_json",
    "usage",
]
