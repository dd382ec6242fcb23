"""Files of roles that are computed by rooms above `fleet`."""

from collections.abc import Mapping

from fleet.render import Hook

HOOKS: Mapping[str, Hook] = {}
"""By role; what `fleet.trees` cannot compute because it must not import those rooms."""
