"""Entering the lab's network from an ordinary process."""

from lab.ids import LabPaths


def enter_operator_network(paths: LabPaths) -> None:
    """Move the calling thread (call it early, with one thread) and its later children into the operator's network. HostError when the lab is not running."""
    raise NotImplementedError
