"""A resource kind: typed inputs, which changes replace, and the five things that can be done to it."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from providerkit.values import Json, Properties


class Inputs(BaseModel):
    """Base of every kind's inputs; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


I = TypeVar("I", bound=Inputs)  # noqa: E741


class ProviderError(Exception):
    """An operation failed for a reason a person can read; shown by the engine as it is."""


@dataclass
class PartlyCreatedError(ProviderError):
    """The resource exists but is not in order; the engine records it and repairs it with the next `up`.

    `computed` are the outputs known so far.
    """

    identity: str
    reason: str
    computed: Mapping[str, Json] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Created:
    """What `create` returns: the resource's id and its outputs beyond its inputs."""

    identity: str
    computed: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """One rejected input: the property (may be empty) and a sentence about it."""

    property: str
    reason: str


class Kind(ABC, Generic[I]):
    """One resource type. Operations on the same id never overlap; those on different ids may.

    `create` adopts what it finds under the name it would use, so that an interrupted run can be repeated.
    """

    resource_type: ClassVar[str]
    """Type token, `package:index:Name`."""
    inputs: type[I]
    replaces: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change needs a new resource; all others are changed in place."""
    delete_before_replace: ClassVar[bool] = True
    """Right for everything with a deterministic name: old and new cannot exist side by side."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """Names of the outputs that are not inputs."""
    secret: ClassVar[frozenset[str]] = frozenset()
    """Outputs that are secret whatever the inputs were."""

    def identify(self, inputs: I) -> str | None:
        """Return the deterministic id these inputs lead to, or None when only `create` can tell."""
        return None

    def foresee(self, inputs: I) -> Mapping[str, Json]:
        """Return the outputs that can be told before `create`, for previews."""
        return {}

    @abstractmethod
    def create(self, inputs: I) -> Created:
        """Make the resource, or adopt it.

        Raises ProviderError when nothing was made, PartlyCreatedError when something was.
        """

    @abstractmethod
    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        """Return inputs and outputs as they really are, or None when the resource is gone.

        `recorded` is the last known state; empty when a resource is imported by id.
        """

    def update(self, identity: str, inputs: I, recorded: Mapping[str, Json]) -> Mapping[str, Json]:
        """Change the resource in place; return its outputs beyond its inputs."""
        raise ProviderError(f"{self.resource_type} cannot be changed in place")

    @abstractmethod
    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        """Remove the resource; it is no error when it is gone already."""

    def changed(self, recorded: Properties, news: Properties) -> dict[str, bool]:
        """Return the inputs that differ from the recorded state, each with whether it forces a replacement.

        Comparing with the recorded *state*, which a refresh makes true, shows drift as well as edits.
        """
        names = set(self.inputs.model_fields)
        different = {
            name
            for name in names
            if name in news.unknown or recorded.values.get(name) != news.values.get(name)
        }
        return {name: name in self.replaces for name in sorted(different)}


def matching(pattern: str, meaning: str) -> AfterValidator:
    """For string inputs that are not secret: what does not match is refused as not being `meaning`."""
    compiled = re.compile(pattern)

    def refuse_others(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not {meaning}")
        return value

    return AfterValidator(refuse_others)


def check(kind: Kind[I], news: Properties) -> tuple[Properties, list[Problem]]:
    """Validate inputs and fill in defaults; properties that are not known yet are taken on trust."""
    try:
        values = dump(kind.inputs.model_validate(dict(news.values)))
    except ValidationError as error:
        problems = [
            Problem(_path(details["loc"]), str(details["msg"]).removeprefix("Value error, "))
            for details in error.errors(include_url=False, include_input=False)
            if not details["loc"] or details["loc"][0] not in news.unknown
        ]
        if problems:
            return news, problems
        values = _dump_known(kind.inputs, news)
    return Properties(values, news.secret, news.unknown), []


def _dump_known(model: type[Inputs], news: Properties) -> dict[str, Json]:
    """Normalise, field by field, what is known of inputs that are not yet complete."""
    values: dict[str, Json] = {}
    for name, info in model.model_fields.items():
        if name in news.unknown:
            continue
        adapter: TypeAdapter[Json] = TypeAdapter(_annotated(info))
        raw = news.values[name] if name in news.values else info.get_default(call_default_factory=True)
        value = adapter.dump_python(adapter.validate_python(raw), mode="json", exclude_none=True)
        if value is not None:
            values[name] = value
    return values


def _annotated(info: FieldInfo) -> Any:
    """The field's type with its constraints, as a type of its own."""
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def dump(model: Inputs) -> dict[str, Json]:
    """Return inputs as JSON, unset optional ones left out."""
    return model.model_dump(mode="json", exclude_none=True)


def state_of(kind: Kind[I], inputs: I, computed: Mapping[str, Json], secret: Iterable[str]) -> Properties:
    """Join inputs and computed outputs into the state the engine records."""
    return Properties({**dump(inputs), **computed}, frozenset(secret) | kind.secret)


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
