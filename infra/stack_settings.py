"""Which part of which environment a stack is, and what its configuration pins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fleet.errors import MtafleetError

FOUNDATION_SUFFIX = "-foundation"

Part = Literal["foundation", "fleet"]


class StackSettingsError(MtafleetError):
    """The stack's configuration cannot be used as it is."""


@dataclass(frozen=True)
class StackSettings:
    """What `Pulumi.<stack>.yaml` says beside the environment file."""

    environment: str
    """A name or a file."""
    part: Part
    images: Mapping[str, str] = field(default_factory=dict)
    """Machine image ids by AWS region."""
    delegated: bool = False
    """Whether the zones are delegated to Route 53, so that reverse names can be asked for."""
    replacing: frozenset[str] = frozenset()
    """Nodes that take the pinned image with this run; all others keep theirs."""

    def image(self, region: str) -> str:
        """The image pinned for an AWS region; StackSettingsError when there is none."""
        if region not in self.images:
            raise StackSettingsError(
                f"no machine image is pinned for {region}: "
                f"`mtafleet image update {self.environment} --region {region}` pins Debian's newest, "
                "or an image of your own with --image ami-..."
            )
        return self.images[region]


def read_settings() -> StackSettings:
    """The settings of the stack that runs; its name stands for what is not configured.

    `NAME-foundation` is the foundation of NAME, any other stack a fleet. Raises StackSettingsError.
    """
    import pulumi  # noqa: PLC0415 - the command line uses this module too, and need not wait for the SDK

    config = pulumi.Config("mtafleet")
    stack = pulumi.get_stack()
    part = config.get("part") or ("foundation" if stack.endswith(FOUNDATION_SUFFIX) else "fleet")
    if part not in ("foundation", "fleet"):
        raise StackSettingsError(f"mtafleet:part is `{part}`: write `foundation` or `fleet`")
    return StackSettings(
        environment=config.get("environment") or stack.removesuffix(FOUNDATION_SUFFIX),
        part="foundation" if part == "foundation" else "fleet",
        images={str(region): str(image) for region, image in (config.get_object("images") or {}).items()},
        delegated=bool(config.get_bool("delegated")),
        replacing=frozenset(config.get_object("replacing") or ()),
    )
