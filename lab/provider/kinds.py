"""The resource kinds of the `mtalab` provider, for its executable."""

from lab.provider.machines import Disk, Machine
from lab.provider.network import Image, Lab, Link, Site
from lab.provider.world import Address, World, ZoneDelegation

KINDS = (Lab(), Image(), Site(), Link(), Disk(), Machine(), Address(), ZoneDelegation(), World())
