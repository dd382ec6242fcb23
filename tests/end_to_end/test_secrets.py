"""Secrets are where they are needed, readable by whoever needs them, and nowhere else."""

import fcntl
import os
import re
import tempfile
from pathlib import Path

from fleet.paths import cache_directory, project_root
from fleet.topology import FleetNode
from infra.configure.private import PLACES, PREFIX
from tests.end_to_end.mail import Mail
from tests.end_to_end.secrets import files_below, files_with, plain_secrets, present
from tests.end_to_end.system import System, at_once

#: Where a node keeps secrets: what may be in there, and who may read it.
PLACES_ON_NODES = {
    r"/etc/mtafleet/signer/keys/[a-z.]+\.s1\.pem": (r"DKIM key s1 of .*", "600 _rspamd:_rspamd"),
    r"/etc/mtafleet/signer/tables\.lua": (r"key of return paths", "600 _rspamd:_rspamd"),
    r"/etc/knot/tsig\.conf": (r"TSIG secret", "600 knot:knot"),
    r"/etc/mtafleet/acme/tsig\.key": (r"TSIG secret", "600 root:root"),
    r"/etc/mtafleet/failover/tsig\.key": (r"TSIG secret", "600 mtafleet:mtafleet"),
    r"/etc/mtafleet/failover/store\.key": (r"store client key of .*", "600 mtafleet:mtafleet"),
    r"/etc/mtafleet/nats/server\.key": (r"store server key of .*", "600 nats:nats"),
    r"/etc/mtafleet/failover/api\.key": (r"api key of .*", "600 mtafleet-api:mtafleet-api"),
    r"/etc/mtafleet/failover/heartbeat\.key": (r"heartbeat secret", "600 mtafleet:mtafleet"),
}
#: Everything that keeps something over a boot or could be read by another program.
SEARCHED = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var", "/dev/shm")  # noqa: S108
HASHED_CREDENTIALS = "/etc/mtafleet/auth"


def test_nothing_secret_is_left_on_the_operators_machine(configured: System, mail: Mail) -> None:
    """Everything written since the secrets were made; Pulumi's own state holds them encrypted."""
    made_at = (configured.state / "passphrase").stat().st_mtime
    places = [
        project_root(),
        cache_directory(),
        Path(tempfile.gettempdir()),
        *PLACES,
        Path("/var/log"),
        *(Path.home() / name for name in (".ansible", ".pulumi", ".cache/ansible-compat")),
    ]
    secrets = {**plain_secrets(configured), "passphrase": _passphrase(configured)}
    own = str(configured.state / "passphrase")
    machines = str(configured.paths.run)
    files = (
        file
        for place in places
        for file in files_below(place, made_at)
        if str(file) != own and not str(file).startswith(machines)
    )
    assert files_with(secrets, files) == {}
    assert mail, "the senders' records were among what was searched"


def test_the_passphrase_is_its_owners_alone(configured: System) -> None:
    file = configured.state / "passphrase"
    assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o600, os.getuid())


def test_no_run_leaves_its_private_directory(configured: System) -> None:
    directories = [entry for place in PLACES for entry in place.glob(f"{PREFIX}*")]
    assert [entry for entry in directories if _is_abandoned(entry)] == []


def test_no_process_was_started_with_a_secret(configured: System, command_lines: set[bytes]) -> None:
    assert len(command_lines) > 100
    secrets = plain_secrets(configured)
    # NUL bytes part arguments; none of the secrets holds one.
    assert {name for line in command_lines for name in present(secrets, line)} == set()


def test_each_node_holds_what_it_needs_and_nobody_else_may_read_it(configured: System, mail: Mail) -> None:
    secrets = plain_secrets(configured)
    nodes = configured.fleet.nodes
    found = at_once(lambda node: _secrets_on(configured, node, secrets), nodes)
    wrong = [
        f"{node.name}: {file} ({access}) holds {name}"
        for node, files in zip(nodes, found, strict=True)
        for file, (access, names) in files.items()
        for name in names
        if not _belongs(file, access, name)
    ]
    assert wrong == []
    for node, files in zip(nodes, found, strict=True):
        assert bool(files) == (node.role == "mta") or "heartbeat" in str(files), node.name
        own = [name for file in files.values() for name in file[1] if "store" in name or "api" in name]
        assert all(node.name in name for name in own), node.name


def test_journals_tell_no_secret(configured: System, mail: Mail) -> None:
    secrets = plain_secrets(configured)

    def told(node: FleetNode) -> list[str]:
        journal = configured.inside(node.name, "journalctl", "--all", "--no-pager", "--output=cat")
        assert journal
        return present(secrets, journal.encode())

    assert at_once(told, configured.fleet.nodes) == [[] for _ in configured.fleet.nodes]


def test_private_keys_of_certificates_and_hashes_of_passwords_are_kept_from_others(
    configured: System,
) -> None:
    places = (HASHED_CREDENTIALS, "/var/lib/mtafleet/tls", "/var/lib/mtafleet/acme")
    for node in configured.fleet.mta_nodes:
        listed = configured.inside(node.name, "find", *places, "-type", "f", "-printf", r"%m %p\n")
        files = {path: int(mode, 8) for mode, path in map(str.split, listed.splitlines())}
        private = {path: mode for path, mode in files.items() if re.search(r"key|\.users$", path)}
        assert private
        assert {path: oct(mode) for path, mode in private.items() if mode & 0o007} == {}


def _passphrase(system: System) -> bytes:
    return (system.state / "passphrase").read_bytes().strip()


def _is_abandoned(directory: Path) -> bool:
    """Whether nobody works in it any more; other checkouts may be busy on this computer."""
    try:
        with (directory / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _belongs(file: str, access: str, secret: str) -> bool:
    return any(
        re.fullmatch(place, file) and re.fullmatch(what, secret) and access == who
        for place, (what, who) in PLACES_ON_NODES.items()
    )


def _secrets_on(
    system: System, node: FleetNode, secrets: dict[str, bytes]
) -> dict[str, tuple[str, list[str]]]:
    """File -> (mode and owner, the secrets in it). The patterns are in no command line."""
    patterns = "".join(f"{plain.decode()}\n" for plain in secrets.values())
    options = (
        "--recursive",
        "--text",
        "--fixed-strings",
        "--devices=skip",
        "--only-matching",
        "--no-messages",
    )
    lines = system.found(node.name, "grep", *options, "--file=-", *SEARCHED, stdin=patterns).splitlines()
    names = {plain.decode(): name for name, plain in secrets.items()}
    by_file: dict[str, list[str]] = {}
    for line in lines:
        file, _, plain = line.partition(":")
        by_file.setdefault(file, []).append(names[plain])
    return {
        file: (system.inside(node.name, "stat", "--format=%a %U:%G", file).strip(), found)
        for file, found in by_file.items()
    }
