"""A machine with plain Postfix beside a lab's fleet, in a site of its own, made for one comparison.

The simulated internet knows it as it knows any sender: a zone of its own with SPF and DMARC, a reverse name,
weeks of history. Nothing of the fleet is touched; everything is removed on the way out.
"""

import secrets
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import IPv4Address

from bench import plain_files
from bench.errors import BenchError
from fleet.passwords import hash_password
from lab.api import DiskSpec, LabPaths, MachineSpec, SiteSpec, disk, image, machine, sites
from lab.errors import LabError
from lab.netns import machine_network, opened_in
from lab.provider.world import Address, AddressInputs, DelegationInputs, NameServerInputs, ZoneDelegation
from lab.tcp import greeting
from lab.world import geography
from lab.world.certificates import Authority
from providerkit.kind import ProviderError

NAME = "plain-1"
SITE = "plain"
NETWORK = "192.0.2.192/26"
ADDRESS = "192.0.2.201"
KNOWN_SINCE = date(2025, 3, 3)
READY_TIMEOUT_SECONDS = 30.0
SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class Plain:
    """How to submit to the plain server."""

    name: str
    address: str
    user: str
    password: str
    sender: str


@contextmanager
def plain_server(paths: LabPaths, *, reuse_tls: bool) -> Iterator[Plain]:
    """Make the machine, hand out how to submit to it, and remove it whatever happens.

    BenchError when it cannot be made; the lab must be up.
    """
    remove(paths)  # what a killed run has left
    with ExitStack() as stack:
        stack.callback(remove, paths)
        try:
            yield _make(paths, reuse_tls=reuse_tls)
        except ProviderError as error:
            raise BenchError(f"the plain mail server cannot be made known: {error}") from error


def remove(paths: LabPaths) -> None:
    """Remove the machine and all that is known of it; safe to repeat, also after half a `plain_server`."""
    Address().delete(f"{paths.lab}/{Address.folder}/{ADDRESS}", {})
    ZoneDelegation().delete(f"{paths.lab}/{ZoneDelegation.folder}/{plain_files.DOMAIN}", {})
    machine.delete(paths, NAME)
    disk.delete(paths, NAME)
    sites.delete(paths, SITE)


def _make(paths: LabPaths, *, reuse_tls: bool) -> Plain:
    sites.ensure(paths, SiteSpec(SITE, NETWORK))
    disk.ensure(
        paths,
        DiskSpec(NAME, image.ensure(paths.cache), plain_files.HOST_NAME, (), str(geography.RESOLVER_ADDRESS)),
    )
    machine.ensure(paths, MachineSpec(NAME, NAME, SITE, (ADDRESS,)))
    password = secrets.token_urlsafe(24)
    _set_up(paths, password, reuse_tls=reuse_tls)
    servers = (NameServerInputs(name=f"ns.{plain_files.DOMAIN}", address=IPv4Address(ADDRESS)),)
    ZoneDelegation().create(DelegationInputs(lab=paths.lab, zone=plain_files.DOMAIN, name_servers=servers))
    Address().create(
        AddressInputs(
            lab=paths.lab,
            machine=NAME,
            address=IPv4Address(ADDRESS),
            reverse_name=plain_files.HOST_NAME,
            warm_since=KNOWN_SINCE,
        )
    )
    return Plain(plain_files.HOST_NAME, ADDRESS, plain_files.USER, password, plain_files.SENDER)


def _set_up(paths: LabPaths, password: str, *, reuse_tls: bool) -> None:
    data = paths.shared / "world"
    authority = Authority.read(data / "ca.crt", data / "ca.key")
    held = plain_files.Secrets(
        password_hash="{CRYPT}" + hash_password(password, f"{paths.lab} {plain_files.USER}"),
        chain_pem=authority.issue([plain_files.HOST_NAME], datetime.now(UTC)).decode(),
    )
    _shell(paths, "systemctl is-system-running --wait >/dev/null || true\n")
    for path, (rights, content) in plain_files.files(ADDRESS, held).items():
        _shell(paths, _writing(path, rights), content)
    _shell(paths, plain_files.setup_script(str(geography.RESOLVER_ADDRESS), reuse_tls=reuse_tls))
    network = machine_network(paths, NAME)
    _await(lambda: opened_in(network, lambda: greeting(ADDRESS, SMTP_PORT)).startswith(b"220"))


def _writing(path: str, rights: str) -> str:
    """A shell command that writes its standard input to a file with these rights."""
    owner, group, mode = rights.split(":")
    place = shlex.quote(path)
    return f"install -D -o {owner} -g {group} -m {mode} /dev/null {place} && cat >{place}"


def _shell(paths: LabPaths, command: str, content: str = "") -> None:
    done = subprocess.run(
        machine.entry(paths, NAME, ["sh", "-c", command]),
        input=content,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"the plain mail server cannot be set up: {done.stderr.strip() or command}")


def _await(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"machine {NAME} does not take mail after {READY_TIMEOUT_SECONDS:g} s")
        time.sleep(0.1)
