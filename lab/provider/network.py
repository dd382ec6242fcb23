"""Resource kinds: the lab itself, its image, sites and links."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field, model_validator

from fleet.paths import cache_directory
from lab.api import LinkSpec, SiteSpec, image, link_name, links, outer, sites
from lab.ids import LabPaths
from lab.provider.base import CHECKOUT, InLab, LabKind, Name, lab_errors
from providerkit.kind import Created, Inputs, Kind
from providerkit.progress import report
from providerkit.values import Json


class LabInputs(Inputs):
    """`running` is always asked to be true; a refresh finds false when the computer was restarted."""

    environment: Name
    running: bool = True


class Lab(LabKind[LabInputs]):
    """The outer namespace that holds a whole lab. Deleting it removes everything of the lab at once."""

    resource_type = "mtalab:index:Lab"
    folder = "lab"
    inputs = LabInputs
    replaces = frozenset({"environment"})
    computed = frozenset({"lab"})

    def identify(self, inputs: LabInputs) -> str:
        paths = LabPaths.of(inputs.environment, CHECKOUT)
        return self.id_of(paths.lab, inputs.environment)

    def foresee(self, inputs: LabInputs) -> Mapping[str, Json]:
        return {"lab": LabPaths.of(inputs.environment, CHECKOUT).lab}

    def create(self, inputs: LabInputs) -> Created:
        with lab_errors():
            outer.ensure(LabPaths.of(inputs.environment, CHECKOUT))
        return Created(self.identify(inputs), self.foresee(inputs))

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, environment = self.locate(identity)
        with lab_errors():
            running = outer.find(paths) is not None
        if not running and not paths.state.exists():
            return None
        return {"environment": environment, "running": running, "lab": paths.lab}

    def update(self, identity: str, inputs: LabInputs, recorded: Mapping[str, Json]) -> Mapping[str, Json]:
        return self.create(inputs).computed

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, _ = self.locate(identity)
        with lab_errors():
            outer.destroy(paths)


def _this_recipe() -> str:
    return image.image_id()


class ImageInputs(Inputs):
    """`recipe` is a digest of how the image is made; left out, it is this checkout's."""

    recipe: Annotated[str, Field(default_factory=_this_recipe)]


class Image(Kind[ImageInputs]):
    """The image all machines boot. Labs share it, so deleting only forgets it."""

    resource_type = "mtalab:index:Image"
    inputs = ImageInputs
    replaces = frozenset({"recipe"})
    delete_before_replace = False

    def identify(self, inputs: ImageInputs) -> str:
        return inputs.recipe

    def create(self, inputs: ImageInputs) -> Created:
        with lab_errors():
            return Created(image.ensure(cache_directory(), report))

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        return {"recipe": identity} if image.image_root(cache_directory(), identity) is not None else None

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        return None


class SiteInputs(InLab):
    """A site's name and the network behind its router."""

    name: Name
    network: IPv4Network


class Site(LabKind[SiteInputs]):
    """A place with a router of its own. Output: `gateway`."""

    resource_type = "mtalab:index:Site"
    folder = "sites"
    inputs = SiteInputs
    replaces = frozenset({"lab", "name", "network"})
    computed = frozenset({"gateway"})

    def identify(self, inputs: SiteInputs) -> str:
        return self.id_of(inputs.lab, inputs.name)

    def create(self, inputs: SiteInputs) -> Created:
        identity = self.identify(inputs)
        paths, name = self.locate(identity)
        with lab_errors():
            state = sites.ensure(paths, SiteSpec(name, str(inputs.network)))
        return Created(identity, {"gateway": state.gateway})

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, name = self.locate(identity)
        with lab_errors():
            state = sites.read(paths, name)
        if state is None:
            return None
        return {"lab": paths.lab, "name": state.name, "network": state.network, "gateway": state.gateway}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, name = self.locate(identity)
        with lab_errors():
            sites.delete(paths, name)


class LinkInputs(InLab):
    """What packets between two sites suffer, in each direction."""

    site_a: Name
    site_b: Name
    delay_milliseconds: Annotated[float, Field(ge=0, le=1000)] = 0
    jitter_milliseconds: Annotated[float, Field(ge=0, le=1000)] = 0
    loss_percent: Annotated[float, Field(ge=0, le=50)] = 0

    @model_validator(mode="after")
    def _two_ends(self) -> "LinkInputs":
        if self.site_a == self.site_b:
            raise ValueError("a link joins two different sites; site_a and site_b are the same")
        if self.jitter_milliseconds > self.delay_milliseconds:
            raise ValueError("jitter_milliseconds cannot exceed delay_milliseconds")
        return self


class Link(LabKind[LinkInputs]):
    """The path between two sites; delay, jitter and loss are changed in place, while packets flow."""

    resource_type = "mtalab:index:Link"
    folder = "links"
    inputs = LinkInputs
    replaces = frozenset({"lab", "site_a", "site_b"})

    def identify(self, inputs: LinkInputs) -> str:
        return self.id_of(inputs.lab, link_name(inputs.site_a, inputs.site_b))

    def create(self, inputs: LinkInputs) -> Created:
        identity = self.identify(inputs)
        self.update(identity, inputs, {})
        return Created(identity)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        paths, name = self.locate(identity)
        with lab_errors():
            state = links.read(paths, name)
        if state is None:
            return None
        # A link is the same whichever end comes first: keep the order that was asked for.
        ends = (state.site_a, state.site_b)
        if (recorded.get("site_b"), recorded.get("site_a")) == ends:
            ends = (state.site_b, state.site_a)
        return {
            "lab": paths.lab,
            "site_a": ends[0],
            "site_b": ends[1],
            "delay_milliseconds": state.delay_milliseconds,
            "jitter_milliseconds": state.jitter_milliseconds,
            "loss_percent": state.loss_percent,
        }

    def update(self, identity: str, inputs: LinkInputs, recorded: Mapping[str, Json]) -> Mapping[str, Json]:
        paths, _ = self.locate(identity)
        spec = LinkSpec(
            inputs.site_a,
            inputs.site_b,
            inputs.delay_milliseconds,
            inputs.jitter_milliseconds,
            inputs.loss_percent,
        )
        with lab_errors():
            links.ensure(paths, spec)
        return {}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        paths, name = self.locate(identity)
        with lab_errors():
            links.delete(paths, name)
