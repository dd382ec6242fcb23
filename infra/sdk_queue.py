"""A faster list of unfinished outputs for Pulumi's SDK, which keeps them in a deque and searches it for each.

With the 85,000 outputs of a fleet of 50 nodes that search takes as long as all the rest of the program.
"""

from collections.abc import Hashable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class OutputQueue(Generic[T]):
    """What the SDK uses of a deque, with elements found at once."""

    def __init__(self, elements: Iterator[T]) -> None:
        self._elements = dict.fromkeys(elements)

    def append(self, element: T) -> None:
        """Add at the end."""
        self._elements[element] = None

    def remove(self, element: T) -> None:
        """Take it out; ValueError when it is not there."""
        try:
            del self._elements[element]
        except KeyError:
            raise ValueError(element) from None

    def popleft(self) -> T:
        """Take out the oldest; IndexError when there is none."""
        for element in self._elements:
            del self._elements[element]
            return element
        raise IndexError("the queue is empty")

    def __len__(self) -> int:
        return len(self._elements)


def quicken() -> None:
    """Put the faster queue in the SDK's place of the old one, where this version of it has such a place."""
    with suppress(ImportError, AttributeError):
        from pulumi.runtime.settings import SETTINGS  # noqa: PLC0415

        with SETTINGS.lock:
            SETTINGS.outputs = OutputQueue(iter(SETTINGS.outputs))
