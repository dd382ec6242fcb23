"""What a new machine is told at its first boot (cloud-init): who may log in, who it is, where queues lie.

The host key's private half is part of it, so that the first connection is already to a known machine. It
opens nothing: who reads it could pass for that machine, to someone who connects from inside the account.
"""

import json
from dataclasses import dataclass

from fleet.aws.queues import MOUNT_POINT, MOUNT_UNIT, device
from infra.sessions.agent import first_boot

_FILE_SYSTEM_OPTIONS = "defaults,nofail,x-systemd.makefs,x-systemd.device-timeout=600"
"""The volume is attached after the boot; a file system is made only on a volume that has none."""

_MOUNT = (["systemctl", "daemon-reload"], ["systemctl", "start", "--no-block", MOUNT_UNIT])
"""cloud-init writes the line of fstab; only systemd waits for the volume and makes its file system."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """The machine's SSH host key: the private half as OpenSSH writes it, the public one as a line."""

    private_pem: str
    public: str


def user_data(
    fqdn: str,
    authorized_key: str,
    host_key: HostKey,
    volume_id: str | None = None,
    session_manager_region: str | None = None,
) -> str:
    """The document for one machine.

    `volume_id` is its queue volume's; `session_manager_region` the AWS region whose Session Manager is to
    reach it, None when SSH does.
    """
    document: dict[str, object] = {
        "fqdn": fqdn,
        "hostname": fqdn.partition(".")[0],
        "manage_etc_hosts": False,
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_authorized_keys": [authorized_key],
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {"ed25519_private": host_key.private_pem, "ed25519_public": host_key.public},
    }
    commands: list[list[str]] = []
    if volume_id is not None:
        document["mounts"] = [[device(volume_id), MOUNT_POINT, "ext4", _FILE_SYSTEM_OPTIONS, "0", "2"]]
        commands += _MOUNT
    if session_manager_region is not None:
        commands += first_boot(session_manager_region)
    if commands:
        document["runcmd"] = commands
    return f"#cloud-config\n{json.dumps(document, indent=1, sort_keys=True)}\n"
