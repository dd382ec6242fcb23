"""Where a machine's queue volume is mounted, and how the machine knows it among its disks."""

MOUNT_POINT = "/var/spool"
"""Postfix keeps the queues of every pool below it."""

MOUNT_UNIT = "var-spool.mount"
"""systemd's name for what is mounted there (systemd.unit(5), "String escaping")."""


def device(volume: str) -> str:
    """The path under which udev shows a volume, by its id: /dev/nvme1n1 may be another at the next boot."""
    return f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"
