"""One way to change moto's classes, which type checkers rightly refuse to see done."""

from typing import Any


def put(owner: Any, **members: Any) -> None:
    """Give a class or module of moto new members, or others under known names."""
    for name, member in members.items():
        setattr(owner, name, member)
