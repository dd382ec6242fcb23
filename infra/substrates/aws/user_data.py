"""What a new machine is told at its first boot (cloud-init): who may log in, who it is, where queues lie.

The host key's private half is part of it, so that the first connection is already to a known machine. It
opens nothing: who reads it could pass for that machine, to someone who connects from inside the account.
"""

import json
from dataclasses import dataclass

from fleet.aws.queues import MOUNT_POINT, MOUNT_UNIT, device

_FILE_SYSTEM_OPTIONS = "defaults,nofail,x-systemd.makefs,x-systemd.device-timeout=600"
"""The volume is attached after the boot; a file system is made only on a volume that has none."""

_MOUNT = (["systemctl", "daemon-reload"], ["systemctl", "start", "--no-block", MOUNT_UNIT])
"""cloud-init writes the line of fstab; only systemd waits for the volume and makes its file system."""

_AGENT = "https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/debian_amd64/amazon-ssm-agent.deb"
"""Session Manager's agent, from AWS's own bucket: Debian's images come without it."""

_FETCH = ("curl", "--fail", "--silent", "--show-error", "--connect-timeout", "10")
_AGAIN = ("--retry", "120", "--retry-delay", "5", "--retry-all-errors")
"""Patient: the machine reaches the internet only once its Elastic IP is bound."""

_INSTALL = (
    "tries=0; until dpkg --install {package}; do "
    "tries=$((tries + 1)); [ $tries -lt 120 ] || exit 1; sleep 5; done"
)
"""dpkg does not wait for its lock, which apt-daily may hold at a first boot."""


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
        package = "/run/amazon-ssm-agent.deb"
        url = _AGENT.format(region=session_manager_region)
        fetch = [*_FETCH, *_AGAIN, "--output", package, url]
        commands += [fetch, ["sh", "-c", _INSTALL.format(package=package)]]
    if commands:
        document["runcmd"] = commands
    return f"#cloud-config\n{json.dumps(document, indent=1, sort_keys=True)}\n"
