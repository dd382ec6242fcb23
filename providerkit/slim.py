"""Pulumi's protocol messages without the SDK around them, whose import takes half a second.

For provider processes only: `import pulumi` afterwards gives an empty package.
"""

import sys
from importlib.machinery import PathFinder
from types import ModuleType


def use_messages_alone() -> None:
    """Make `pulumi.runtime.proto` importable by itself; does nothing when the SDK is loaded already."""
    search: list[str] | None = None
    for name in ("pulumi", "pulumi.runtime"):
        if name in sys.modules:
            return
        spec = PathFinder.find_spec(name, search)
        if spec is None or spec.submodule_search_locations is None:
            return
        package = ModuleType(name)
        package.__path__ = search = list(spec.submodule_search_locations)
        sys.modules[name] = package
