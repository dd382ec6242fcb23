"""The `mtalab` provider: the lab's machines, disks, network and world as Pulumi resources."""
