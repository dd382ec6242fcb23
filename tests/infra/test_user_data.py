"""What a machine is told at its first boot is a document that cloud-init can read."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.substrates.aws.user_data import HostKey, user_data

KEY = HostKey("a key\nof two lines\n", "ssh-ed25519 AAAA")


def document(text: str) -> dict[str, Any]:
    head, _, body = text.partition("\n")
    assert head == "#cloud-config"
    found: dict[str, Any] = yaml.safe_load(body)
    return found


def test_a_mail_server_is_told_who_it_is_and_where_queues_lie() -> None:
    found = document(user_data("east-1.fleet.example", "ssh-ed25519 BBBB", KEY, "vol-0123abc", "eu-west-1"))
    assert (found["hostname"], found["fqdn"]) == ("east-1", "east-1.fleet.example")
    assert found["ssh_keys"] == {"ed25519_private": KEY.private_pem, "ed25519_public": KEY.public}
    assert found["ssh_pwauth"] is False
    ((device, mount, kind, options, *_),) = found["mounts"]
    assert device == "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123abc"
    assert (mount, kind) == ("/var/spool", "ext4")
    assert {"nofail", "x-systemd.makefs"} <= set(options.split(","))
    reload, start, fetch, install = found["runcmd"]
    assert reload == ["systemctl", "daemon-reload"]
    # Whatever waits for the volume must not keep the agent from coming.
    assert start == ["systemctl", "start", "--no-block", "var-spool.mount"]
    assert fetch[-1].startswith("https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/")
    assert fetch[-2] in install[-1]
    assert {"--connect-timeout", "--retry-all-errors"} <= set(fetch)
    assert install[:2] == ["sh", "-c"]


@pytest.mark.parametrize(("locked", "status", "tries"), [(3, 0, 4), (1000, 1, 120)])
def test_the_agent_is_installed_once_dpkg_is_free(
    tmp_path: Path, locked: int, status: int, tries: int
) -> None:
    """At a first boot apt-daily may hold the lock; a dpkg that never succeeds ends it all the same."""
    calls = tmp_path / "calls"
    stubs = {
        "dpkg": f'#!/bin/sh\necho "$*" >> {calls}\n[ "$(/usr/bin/wc -l < {calls})" -gt {locked} ]\n',
        "sleep": "#!/bin/sh\n",
    }
    for name, text in stubs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    *_, install = document(user_data("e", "k", KEY, None, "eu-west-1"))["runcmd"]
    program = ["/bin/sh", *install[1:]]
    assert subprocess.run(program, env={"PATH": str(tmp_path)}, check=False).returncode == status
    asked = calls.read_text().splitlines()
    assert asked == ["--install /run/amazon-ssm-agent.deb"] * tries


def test_a_machine_reached_by_ssh_needs_no_agent_and_a_witness_no_queue() -> None:
    found = document(user_data("witness-1.fleet.example", "ssh-ed25519 BBBB", KEY))
    assert "mounts" not in found
    assert "runcmd" not in found
