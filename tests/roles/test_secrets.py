"""No file of the mail plane shows a secret to anybody but its reader."""

from fleet.inventory import NodeModel
from tests.roles.conftest import Render

ROLES = ("auth", "front", "inbound", "nats", "postfix", "router", "signer")


def test_secrets_lie_in_private_files_only_and_passwords_in_none(render: Render, east: NodeModel) -> None:
    passwords = [one.get_secret_value().encode() for one in east.secrets.users.values()]
    others = [
        *(pem.get_secret_value().encode() for keys in east.secrets.dkim.values() for pem in keys.values()),
        east.secrets.tsig.secret.get_secret_value().encode(),
        east.secrets.store.get_secret_value().encode(),
        east.secrets.ssh_private_key.get_secret_value().encode(),
    ]
    for role in ROLES:
        tree = render(role, east)
        modes = {one["path"]: one.get("mode", "0644") for one in tree.entries}
        for path, content in tree.contents.items():
            assert not any(password in content for password in passwords), path
            if any(secret in content for secret in others):
                assert modes[path] == "0600", path
        assert not any(secret in tree.index for secret in (*passwords, *others))


def test_hashes_are_readable_by_dovecot_alone(render: Render, east: NodeModel) -> None:
    entries = [one for one in render("auth", east).entries if one["path"].endswith(".users")]
    assert {(one["mode"], one["owner"], one["group"]) for one in entries} == {("0640", "root", "dovecot")}
