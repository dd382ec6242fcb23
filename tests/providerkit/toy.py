"""A toy resource kind over a dictionary, and a provider that serves it on loopback."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated, Any

import grpc
from pulumi.runtime.proto import provider_pb2_grpc
from pydantic import Field

from providerkit.kind import Created, Inputs, Kind, PartlyCreatedError, ProviderError
from providerkit.plugin import Plugin
from providerkit.resources import Resources
from providerkit.values import Json

URN = "urn:pulumi:dev::project::toy:index:Parent$toy:index:Shelf::one"


class ShelfInputs(Inputs):
    name: Annotated[str, Field(pattern=r"^[a-z]+$")]
    width_centimetres: Annotated[int, Field(ge=1)] = 80
    inscription: str | None = None
    books: tuple[str, ...] = ()


class Shelf(Kind[ShelfInputs]):
    """Its `create` adopts, fails for the name `broken` and half-fails for `crooked`."""

    resource_type = "toy:index:Shelf"
    inputs = ShelfInputs
    replaces = frozenset({"name"})
    computed = frozenset({"serial", "combination"})
    secret = frozenset({"combination"})

    def __init__(self) -> None:
        self.shelves: dict[str, dict[str, Json]] = {}

    def identify(self, inputs: ShelfInputs) -> str:
        return f"shelf-{inputs.name}"

    def foresee(self, inputs: ShelfInputs) -> Mapping[str, Json]:
        return {"serial": f"serial-{inputs.name}"}

    def create(self, inputs: ShelfInputs) -> Created:
        if inputs.name == "broken":
            raise ProviderError("the wood is broken: choose another plank")
        if inputs.name == "bug":
            raise ZeroDivisionError("a mistake of ours")
        identity = self.identify(inputs)
        computed = {"serial": f"serial-{inputs.name}", "combination": "12-34"}
        self.shelves[identity] = {**inputs.model_dump(mode="json", exclude_none=True), **computed}
        if inputs.name == "crooked":
            raise PartlyCreatedError(identity, "it stands crooked", computed)
        return Created(identity, computed)

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        return self.shelves.get(identity)

    def update(self, identity: str, inputs: ShelfInputs, recorded: Mapping[str, Json]) -> Mapping[str, Json]:
        kept = {key: recorded[key] for key in self.computed}
        self.shelves[identity] = {**inputs.model_dump(mode="json", exclude_none=True), **kept}
        return kept

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        self.shelves.pop(identity, None)


@contextmanager
def serving(kinds: Iterable[Kind[Any]]) -> Iterator[Any]:
    """Yield a client of a provider with these kinds."""
    plugin = Plugin("toy", lambda cancelled: Resources(kinds, cancelled))
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()
