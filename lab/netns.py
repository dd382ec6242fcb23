"""Entering the lab's network from an ordinary process."""

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lab.errors import HostError
from lab.ids import LabPaths
from lab.network.plan import machine_namespace, site_namespace
from lab.outer import namespace

OPERATOR_SITE = "operator"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


def enter_operator_network(paths: LabPaths) -> None:
    """Move the calling thread and its later children into the operator's network.

    Call it early, while the process has one thread: threads that exist already stay outside.
    HostError when the lab is not running or has no operator site yet.
    """
    _enter(operator_network(paths))


def operator_network(paths: LabPaths) -> Path:
    """The file that stands for the operator's network namespace."""
    return _existing(paths, site_namespace(OPERATOR_SITE), "operator's network")


def machine_network(paths: LabPaths, machine: str) -> Path:
    """The file that stands for a machine's network namespace."""
    return _existing(paths, machine_namespace(machine), f"machine {machine}")


def opened_in(network: Path, make: Callable[[], T]) -> T:
    """Call `make` in a thread inside a network and return its result.

    A socket keeps the network it was made in, so the caller can use it from anywhere.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _enter(network)
            results.append(make())
        except BaseException as error:  # handed to the caller's thread, below
            failures.append(error)

    thread = threading.Thread(target=work, name="network")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _existing(paths: LabPaths, name: str, what: str) -> Path:
    network = namespace.require(paths).network(name)
    if not network.exists():
        raise HostError(f"lab {paths.lab} has no {what} yet; bring the lab up first")
    return network


def _enter(network: Path) -> None:
    descriptor = os.open(network, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            reason = os.strerror(ctypes.get_errno())
            raise HostError(f"cannot enter the network {network.name}: {reason}; run as root")
    finally:
        os.close(descriptor)
