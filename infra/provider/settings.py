"""A resource kind that records intended settings, so that a changed one shows in `preview --diff`."""

from collections.abc import Mapping
from typing import Annotated, Any

from providerkit.kind import Created, Inputs, Kind, ProviderError, matching
from providerkit.values import Json


class SettingsInputs(Inputs):
    """`scope` says what the settings are for; `values` are the settings, by name."""

    scope: Annotated[str, matching(r"[a-z][a-z0-9.-]*", "a scope like `limits` or `pool.marketing`")]
    values: dict[str, Any]


class Settings(Kind[SettingsInputs]):
    """What a part of the fleet is meant to be set to. Configuration puts it into force, not provisioning."""

    resource_type = "mtafleet:index:Settings"
    inputs = SettingsInputs
    replaces = frozenset({"scope"})

    def identify(self, inputs: SettingsInputs) -> str:
        return inputs.scope

    def create(self, inputs: SettingsInputs) -> Created:
        return Created(inputs.scope)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        if not recorded:
            raise ProviderError(
                f"{identity}: settings exist only in the stack's state; there is nothing to import"
            )
        return recorded

    def update(
        self, identity: str, inputs: SettingsInputs, recorded: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        return {}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        return None
