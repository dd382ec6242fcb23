"""Carries packets between sites with delay, jitter and loss.

Run as a file inside the outer namespace, standard library only: `python3 -I -S forwarder.py PLAN
SOCKET`. It has a TUN device in each site's namespace; the kernel sends it what is addressed to a
site behind an imperfect link. Packets pass with the kernel's offload headers on, so that a large
TCP segment is one read and one write. It sleeps in epoll whenever nothing is due.

PLAN is a JSON file, `{"sites": {name: network}, "links": [{"site_a", "site_b",
"delay_milliseconds", "jitter_milliseconds", "loss_percent"}]}`, read at the start and again for
each connection to SOCKET, which is answered with "ok" once the plan is in force.
"""

import ctypes
import fcntl
import heapq
import ipaddress
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

DEVICE = "wan"
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOFFLOAD = 0x400454CA, 0x400454CB, 0x400454D0
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_OFFLOADS = 0x01 | 0x02 | 0x04  # checksums, TCP segmentation for IPv4 and IPv6
_OFFLOAD_HEADER_BYTES = 10
_DESTINATION = slice(_OFFLOAD_HEADER_BYTES + 16, _OFFLOAD_HEADER_BYTES + 20)
_LARGEST_READ_BYTES = 65_536 + _OFFLOAD_HEADER_BYTES
_READS_IN_A_ROW = 64
_MOST_WAITING = 50_000
_CLONE_NEWNET = 0x40000000


@dataclass(slots=True)
class Direction:
    """One direction of a link: decides when, if at all, each packet comes out at the far end."""

    delay_seconds: float
    jitter_seconds: float
    loss: float
    random: Callable[[], float] = random.random
    _last_due: float = 0.0

    def due(self, now: float) -> float | None:
        """When a packet that enters now comes out; None when it is lost.

        Packets never overtake each other, as on most real paths: jitter shifts a packet by up to
        `jitter_seconds` either way, but not before its predecessor.
        """
        if self.loss and self.random() < self.loss:
            return None
        shift = self.jitter_seconds * (2 * self.random() - 1) if self.jitter_seconds else 0.0
        self._last_due = max(self._last_due, now + max(0.0, self.delay_seconds + shift))
        return self._last_due


@dataclass(slots=True)
class Router:
    """Which packet goes where and when; knows nothing of devices."""

    networks: dict[str, ipaddress.IPv4Network] = field(default_factory=dict)
    directions: dict[tuple[str, str], Direction] = field(default_factory=dict)
    _found: dict[bytes, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: dict[str, object]) -> "Router":
        """Read a plan (see the module's text); KeyError, TypeError or ValueError when it is none."""
        sites, links = plan["sites"], plan["links"]
        if not isinstance(sites, dict) or not isinstance(links, list):
            raise TypeError("sites must be an object and links a list")
        router = cls({name: ipaddress.IPv4Network(network) for name, network in sites.items()})
        for link in links:
            for ends in itertools.permutations((link["site_a"], link["site_b"])):
                router.directions[ends] = Direction(
                    delay_seconds=link["delay_milliseconds"] / 1000,
                    jitter_seconds=link["jitter_milliseconds"] / 1000,
                    loss=link["loss_percent"] / 100,
                )
        return router

    def route(self, source: str, destination: bytes, now: float) -> tuple[str, float] | None:
        """The site a packet goes to and when it is due there; None when it is lost or leads nowhere."""
        site = self._site_of(destination)
        direction = self.directions.get((source, site)) if site else None
        due = direction.due(now) if direction else None
        return None if site is None or due is None else (site, due)

    def _site_of(self, destination: bytes) -> str | None:
        if destination not in self._found:
            address = ipaddress.IPv4Address(destination)
            self._found[destination] = next(
                (name for name, network in self.networks.items() if address in network), None
            )
        return self._found[destination]


@dataclass(frozen=True, slots=True)
class Device:
    """An open TUN device and the namespace it stands in: a site made anew has another one."""

    descriptor: int
    namespace: int

    @classmethod
    def of(cls, site: str) -> "Device":
        path = Path("/run/netns", f"site-{site}")
        return cls(open_device(path), path.stat().st_ino)

    def is_current(self, site: str) -> bool:
        try:
            return Path("/run/netns", f"site-{site}").stat().st_ino == self.namespace
        except FileNotFoundError:
            return False


class Forwarder:
    """The event loop: devices and the control socket in, packets out when they are due."""

    def __init__(self, plan: Path, control: socket.socket) -> None:
        self._plan = plan
        self._control = control
        self._router = Router()
        self._devices: dict[str, Device] = {}
        self._sites: dict[int, str] = {}
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._order = itertools.count()
        self._poller = select.epoll()
        self._poller.register(control, select.EPOLLIN)

    def run(self) -> None:
        self._adopt_plan()
        while True:
            for descriptor, _ in self._poller.poll(self._seconds_to_next()):
                if descriptor == self._control.fileno():
                    self._answer()
                else:
                    self._take_in(descriptor)
            self._let_out(time.monotonic())

    def _seconds_to_next(self) -> float:
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else -1

    def _take_in(self, descriptor: int) -> None:
        site = self._sites[descriptor]
        for _ in range(_READS_IN_A_ROW):
            try:
                packet = os.read(descriptor, _LARGEST_READ_BYTES)
            except BlockingIOError:
                return
            way = self._router.route(site, packet[_DESTINATION], time.monotonic())
            if way is not None and len(self._waiting) < _MOST_WAITING:
                heapq.heappush(self._waiting, (way[1], next(self._order), way[0], packet))

    def _let_out(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            _, _, site, packet = heapq.heappop(self._waiting)
            with suppress(OSError, KeyError):  # a full queue or a removed site loses packets, as real ones do
                os.write(self._devices[site].descriptor, packet)

    def _answer(self) -> None:
        connection, _ = self._control.accept()
        with connection:
            try:
                self._adopt_plan()
                reply = "ok"
            except (OSError, KeyError, TypeError, ValueError) as error:
                reply = f"{type(error).__name__}: {error}"
            with suppress(OSError):
                connection.sendall(reply.encode())

    def _adopt_plan(self) -> None:
        router = Router.of(json.loads(self._plan.read_text()))
        for site, device in list(self._devices.items()):
            if site not in router.networks or not device.is_current(site):
                self._drop(site)
        for site in set(router.networks) - set(self._devices):
            self._open(site)
        self._router = router

    def _open(self, site: str) -> None:
        device = Device.of(site)
        self._devices[site] = device
        self._sites[device.descriptor] = site
        self._poller.register(device.descriptor, select.EPOLLIN)

    def _drop(self, site: str) -> None:
        descriptor = self._devices.pop(site).descriptor
        del self._sites[descriptor]
        with suppress(OSError):
            self._poller.unregister(descriptor)
        os.close(descriptor)


def open_device(namespace: Path) -> int:
    """Open the TUN device of a site; it stays when we die, so that packets are lost, not led around us."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(namespace, os.O_RDONLY)
    try:
        if libc.setns(there, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), flags))
        fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _OFFLOADS)
        fcntl.ioctl(descriptor, _TUNSETPERSIST, 1)
    finally:
        libc.setns(home, _CLONE_NEWNET)
        os.close(home)
        os.close(there)
    return descriptor


def main() -> None:
    plan, control_path = map(Path, sys.argv[1:3])
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control_path.unlink(missing_ok=True)
    control.bind(str(control_path))
    control.listen()
    Forwarder(plan, control).run()


if __name__ == "__main__":
    main()
