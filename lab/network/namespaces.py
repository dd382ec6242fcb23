"""Named network namespaces inside the lab, made whole or not at all."""

from collections.abc import Mapping, Sequence

from lab.errors import CommandError
from lab.outer.namespace import Outer, run


def make(outer: Outer, name: str, settings: Mapping[str, str]) -> None:
    """Make an empty namespace with these kernel settings; one of that name is removed first.

    A setting of IPv6 is passed over where the kernel speaks none: there is nothing to switch off.
    """
    remove(outer, name)
    run(outer, ["ip", "netns", "add", name])
    script = "".join(_setting(f"/proc/sys/{path}", value) for path, value in settings.items())
    run(outer, ["sh", "-e"], network=name, stdin=script)


def _setting(path: str, value: str) -> str:
    skip = "[ ! -d /proc/sys/net/ipv6 ] || " if "/ipv6/" in path else ""
    return f"{skip}echo {value} > {path}\n"


def remove(outer: Outer, name: str) -> None:
    """Remove a namespace; its veth devices vanish with it, at both ends, once nobody is inside."""
    if exists(outer, name):
        run(outer, ["ip", "netns", "delete", name])


def exists(outer: Outer, name: str) -> bool:
    return outer.network(name).exists()


def configure(outer: Outer, name: str, commands: Sequence[str]) -> None:
    """Carry out `ip` commands inside a namespace, stopping at the first that fails."""
    run(outer, ["ip", "-batch", "-"], network=name, stdin="\n".join(commands) + "\n")


def remove_device(outer: Outer, name: str, device: str) -> None:
    """Remove a network device if it is there.

    A namespace that was removed goes in the kernel's own time, or when the last process in it
    ends; until then the far ends of its veth pairs are still there and would be in the way.
    """
    try:
        if device in _devices(outer, name):
            run(outer, ["ip", "link", "delete", device], network=name)
    except CommandError:
        if device in _devices(outer, name):  # else the kernel was faster
            raise


def _devices(outer: Outer, name: str) -> set[str]:
    lines = run(outer, ["ip", "-brief", "link"], network=name).splitlines()
    return {line.split()[0].split("@")[0] for line in lines}
