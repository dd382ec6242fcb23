"""What a new machine is told at its first boot (cloud-init): who may log in, who it is, where queues lie.

The host key's private half is part of it, so that the first connection is already to a known machine. It
opens nothing: who reads it could pass for that machine, to someone who connects from inside the account.
"""

import json

SPOOL_MOUNT = "/var/spool"
"""Postfix keeps the queues of every pool below it."""

_FILE_SYSTEM_OPTIONS = "defaults,nofail,x-systemd.makefs,x-systemd.device-timeout=600"
"""The volume is attached after the boot; a file system is made only on a volume that has none."""


def user_data(
    fqdn: str, authorized_key: str, host_key_pem: str, host_key_public: str, volume_id: str | None
) -> str:
    """The document for one machine; `volume_id` is its queue volume's, None for one without queues."""
    document: dict[str, object] = {
        "fqdn": fqdn,
        "hostname": fqdn.partition(".")[0],
        "manage_etc_hosts": False,
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_authorized_keys": [authorized_key],
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {"ed25519_private": host_key_pem, "ed25519_public": host_key_public},
    }
    if volume_id is not None:
        device = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"
        document["mounts"] = [[device, SPOOL_MOUNT, "ext4", _FILE_SYSTEM_OPTIONS, "0", "2"]]
    return f"#cloud-config\n{json.dumps(document, indent=1, sort_keys=True)}\n"
