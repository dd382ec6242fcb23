"""Booting a machine: its overlay, its container, and the wait until it answers."""

import time
from pathlib import Path

from lab import cgroups, disk, netns
from lab.errors import BootError, CommandError, ConflictError
from lab.ids import LabPaths
from lab.image.build import image_root
from lab.netns import opened_in
from lab.network import plan
from lab.outer import namespace
from lab.outer.namespace import Outer
from lab.specs import MachineSpec
from lab.tcp import greeting

_BETWEEN_TRIES_SECONDS = 0.02
_GREETING_SECONDS = 10.0  # until ssh listens it refuses at once; on a busy computer it is slow to greet
_CONTAINER_ENVIRONMENT = {
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",  # systemd 257 inside knows cgroup v2 only
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",  # nodes set their own net.* values
}


def start(paths: LabPaths, outer: Outer, spec: MachineSpec, image: str) -> None:
    """Mount the disk and start the container; does not wait."""
    release(outer, spec.name)
    group = cgroups.of_machine(paths, spec.name)
    cgroups.remove(str(group.relative_to(cgroups.unified())))
    root = _root(spec.name)
    _mount(paths, outer, spec, image, root)
    namespace.spawn(
        outer,
        _container(spec, root),
        group=group,
        log=_console(spec.name),
        environment=_CONTAINER_ENVIRONMENT,
    )


def wait_until_ready(paths: LabPaths, outer: Outer, spec: MachineSpec, timeout_seconds: float) -> None:
    """Return when the machine's ssh server greets; BootError when it dies or the time is over.

    The look is taken from inside the machine's own network, so no fault elsewhere matters.
    """
    deadline = time.monotonic() + timeout_seconds
    network = netns.machine_network(paths, spec.name)
    group = cgroups.of_machine(paths, spec.name)

    def greets() -> bool:
        heard = opened_in(network, lambda: greeting(spec.addresses[0], 22, _GREETING_SECONDS))
        return heard.startswith(b"SSH-")

    while not greets():
        if not cgroups.populated(group):
            raise BootError(f"machine {spec.name} ended while it booted: {_last_words(outer, spec.name)}")
        if time.monotonic() > deadline:
            raise BootError(
                f"machine {spec.name} does not answer on port 22 after {timeout_seconds:g} s: "
                f"{_last_words(outer, spec.name)}"
            )
        time.sleep(_BETWEEN_TRIES_SECONDS)


def release(outer: Outer, machine: str) -> None:
    """Unmount a dead machine's disk, as often as it was mounted."""
    root = _root(machine)
    mounted = outer.root / str(root).lstrip("/") / "etc"
    while mounted.exists():
        try:
            namespace.run(outer, ["umount", str(root)])
        except CommandError:
            if mounted.exists():  # else somebody else has just released it
                raise


def _root(machine: str) -> Path:
    return Path("/run/lab/roots", machine)


def _console(machine: str) -> Path:
    return Path("/run/lab/roots", f"{machine}.console")


def _mount(paths: LabPaths, outer: Outer, spec: MachineSpec, image: str, root: Path) -> None:
    lower = image_root(paths.cache, image)
    if lower is None:
        raise ConflictError(f"machine {spec.name}: the image {image} of its disk is gone; build it again")
    place = disk.folder(paths, spec.disk)
    (outer.root / str(root).lstrip("/")).mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={place / 'upper'},workdir={place / 'work'}"
    try:
        namespace.run(outer, ["mount", "-t", "overlay", "-o", options, spec.name, str(root)])
    except CommandError as error:
        raise BootError(
            f"machine {spec.name}: its disk cannot be mounted; {paths.state} must be on a file system "
            f"that overlays can write to, such as ext4 or xfs: {error}"
        ) from error


def _container(spec: MachineSpec, root: Path) -> list[str]:
    binds = [f"--bind{'-ro' if bind.read_only else ''}={bind.source}:{bind.target}" for bind in spec.binds]
    return [
        *("systemd-nspawn", "--quiet", "--boot", f"--directory={root}", f"--machine={spec.name}"),
        f"--network-namespace-path=/run/netns/{plan.machine_namespace(spec.name)}",
        *("--register=no", "--keep-unit", "--console=pipe", "--link-journal=no"),
        *(
            "--resolv-conf=off",
            "--timezone=off",
            "--capability=CAP_NET_ADMIN",
            "--rlimit=NOFILE=65536:524288",
        ),
        *binds,
    ]


def _last_words(outer: Outer, machine: str) -> str:
    try:
        console = outer.root / str(_console(machine)).lstrip("/")
        lines = console.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        return "no console output"
    return " / ".join(line.strip() for line in lines[-6:] if line.strip()) or "no console output"
