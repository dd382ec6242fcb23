"""Entry point of the `pulumi-resource-mtalab` executable."""

from lab.provider.machines import Disk, Machine
from lab.provider.network import Image, Lab, Link, Site
from lab.provider.world import Address, World, ZoneDelegation
from providerkit.serve import serve

KINDS = (Lab(), Image(), Site(), Link(), Disk(), Machine(), Address(), ZoneDelegation(), World())

if __name__ == "__main__":
    serve("mtalab", "0.1.0", KINDS)
