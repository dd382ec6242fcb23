"""What all of the stand-in's resource kinds share: how inputs are compared, tags, fresh resources."""

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.aws.api import Api, found, patient
from lab.aws.models import inputs_of
from lab.aws.same import same
from lab.aws.signatures import signature
from providerkit.kind import Created, Inputs, Kind, PartlyCreatedError, ProviderError, dump
from providerkit.values import Json, Properties

State = dict[str, Json]
Values = Mapping[str, Json]


@dataclass(frozen=True)
class Aws:
    """One service in one region, as a kind's methods call it: `aws("create_vpc", CidrBlock=...)`."""

    api: Api
    service: str
    region: str

    def __call__(self, operation: str, **parameters: Any) -> Any:
        given = {name: value for name, value in parameters.items() if value is not None}
        return self.api.call(self.service, operation, region=self.region, **given)

    def of(self, service: str) -> "Aws":
        """Return another service in the same region."""
        return Aws(self.api, service, self.region)


class AwsKind(Kind[Inputs]):
    """One AWS resource type. Subclasses say in tables what holds for it and speak to the API in five methods.

    Names of properties are those on the wire, as the official provider has them.
    """

    service: ClassVar[str] = "ec2"
    served: ClassVar[frozenset[str]]
    """Inputs this stand-in acts on; others that `pulumi_aws` knows are refused by name, never ignored."""
    settled: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS chooses when they are left out: leaving them out is then no difference."""
    defaults: ClassVar[Mapping[str, Json]] = {}
    """Inputs the official provider sets when they are left out."""
    sets: ClassVar[frozenset[str]] = frozenset()
    """Lists whose order means nothing."""
    documents: ClassVar[frozenset[str]] = frozenset()
    """Texts that hold JSON: compared by what they say."""
    nested_replaces: ClassVar[Mapping[str, frozenset[str]]] = {}
    """For nested objects, those of their fields that need a new resource."""
    unread: ClassVar[frozenset[str]] = frozenset()
    """Inputs AWS does not tell again (such as `forceDestroy`): kept as recorded."""
    named: ClassVar[str | None] = None
    """The input that gets a generated name when it is left out."""
    name_prefix: ClassVar[str] = ""
    """What generated names begin with."""
    delete_before_replace: ClassVar[bool] = False
    resource_type: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "resource_type" in vars(cls):
            known = signature(cls.resource_type)
            cls.computed = (frozenset(known.state) - frozenset(known.inputs)) | cls.settled
            if "region" in known.inputs:
                cls.served |= {"region"}
                cls.settled |= {"region"}
                cls.replaces |= {"region"}

    def __init__(self, connect: Callable[[], Api]) -> None:
        """`connect` gives the API once the provider is configured."""
        self.inputs = inputs_of(self.resource_type)
        self._connect = connect

    # --- what a subclass does

    @abstractmethod
    def make(self, aws: Aws, wanted: Values) -> str:
        """Make the resource and return its id; what is left for `settle` need not be done here."""

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        """Do what creation takes beyond its first call; failing here leaves a half-made resource."""

    @abstractmethod
    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        """Return the properties as they are, `tags` being all tags; None when the resource is gone."""

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        """Change the properties `names` in place; tags are done already."""
        others = ", ".join(sorted(names - {"tags", *self.unread}))
        if others:
            raise ProviderError(f"{self.resource_type}: {others} cannot be changed in place")

    @abstractmethod
    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        """Delete the resource; ApiErrors about missing things mean that it is gone already."""

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Make the tags those `wanted`."""

    # --- what the kit asks for

    def create(self, inputs: Inputs) -> Created:
        wanted = dump(inputs)
        aws = self._aws(wanted)
        with patient():
            identity = self.make(aws, wanted)
            try:
                self.settle(aws, identity, wanted)
                state = self._state(aws, identity, wanted)
            except ProviderError as error:
                raise PartlyCreatedError(identity, str(error)) from error
            if state is None:
                raise PartlyCreatedError(identity, f"{identity} was created, but AWS does not show it yet")
        return Created(identity, state)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        return self._state(self._aws(recorded), identity, recorded)

    def update(self, identity: str, inputs: Inputs, recorded: Mapping[str, Json]) -> Mapping[str, Json]:
        wanted = dump(inputs)
        aws = self._aws(recorded)
        with patient():
            actual = self._state(aws, identity, recorded)
            if actual is None:
                raise ProviderError(f"{identity} is gone: refresh, so that it is made anew")
            before = Properties({**actual, **{name: recorded.get(name) for name in self.unread}})
            names = frozenset(self.changed(before, Properties(wanted)))
            if names & {"tags", "tagsAll"}:
                self.retag(aws, identity, actual.get("tagsAll") or {}, self.all_tags(wanted))
            self.change(aws, identity, wanted, actual, names - {"tagsAll"})
            state = self._state(aws, identity, wanted)
        return state or {}

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        found(lambda: self.remove(self._aws(recorded), identity, recorded))

    def changed(self, recorded: Properties, news: Properties) -> dict[str, bool]:
        known = signature(self.resource_type)
        different: dict[str, bool] = {}
        for name, field in sorted(known.inputs.items()):
            before = recorded.values.get(name, self.defaults.get(name) if name in self.unread else None)
            wanted = news.values.get(name, self.defaults.get(name))
            if name not in news.unknown:
                if wanted is None and (name in self.settled or name not in self.served):
                    continue
                if same(
                    field.type, before, wanted, unordered=name in self.sets, document=name in self.documents
                ):
                    continue
            different[name] = self.forces_new(name, before, wanted)
        everything = recorded.values.get("tagsAll")
        if everything is not None and not {"tags"} & {*news.unknown, *different}:
            # Also what the provider's own tags should make of it.
            different |= {"tagsAll": False} if everything != self.all_tags(news.values) else {}
        return different

    def forces_new(self, name: str, before: Json, wanted: Json) -> bool:
        """Tell whether changing `name` from `before` to `wanted` needs a new resource."""
        if name in self.nested_replaces and isinstance(before, dict) and isinstance(wanted, dict):
            return any(
                field in wanted and wanted[field] != before.get(field) for field in self.nested_replaces[name]
            )
        return name in self.replaces

    # --- helpers

    def all_tags(self, wanted: Values) -> dict[str, str]:
        """Return the tags a resource gets: those of the provider and its own, which win."""
        return {**self._connect().config.default_tags, **(wanted.get("tags") or {})}

    def _aws(self, values: Values) -> Aws:
        api = self._connect()
        return Aws(api, self.service, values.get("region") or api.config.region)

    def _state(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        state = found(lambda: self.look(aws, identity, recorded))
        if state is None:
            return None
        known = signature(self.resource_type)
        state |= {name: recorded[name] for name in self.unread if name in recorded}
        if "region" in known.inputs:
            state["region"] = aws.region
        if "tagsAll" in known.state:
            everything = {
                key: value for key, value in (state.get("tags") or {}).items() if not key.startswith("aws:")
            }
            default = aws.api.config.default_tags
            asked = recorded.get("tags") or {}
            own = {k: v for k, v in everything.items() if default.get(k) != v or k in asked}
            state |= {"tagsAll": everything, "tags": own or None}
        return {name: value for name, value in state.items() if value is not None}


def text_of(document: Json) -> str:
    """Return a JSON document as text; policies come as text or as an object."""
    return document if isinstance(document, str) else json.dumps(document)
