"""Drives the stand-in the way the engine does, over gRPC, one call at a time."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from lab.aws.plugin import AwsPlugin
from providerkit.values import Json, Properties, from_struct, to_struct


class RefusedError(Exception):
    """`Check` refused inputs; `reasons` are by property."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__(str(reasons))
        self.reasons = reasons


@dataclass
class Made:
    """A resource as the engine's state would hold it."""

    token: str
    name: str
    id: str
    inputs: dict[str, Json]
    state: dict[str, Json]


@dataclass
class Driver:
    """A client of one provider process."""

    stub: Any
    seen: list[Made] = field(default_factory=list)

    def configure(self, config: Mapping[str, str]) -> None:
        news = to_struct(Properties(dict(config)))
        urn = "urn:pulumi:dev::project::pulumi:providers:aws::here"
        failures = self.stub.CheckConfig(provider_pb2.CheckRequest(urn=urn, news=news)).failures
        if failures:
            raise RefusedError({failure.property: failure.reason for failure in failures})
        self.stub.Configure(provider_pb2.ConfigureRequest(args=news, acceptSecrets=True))

    def check(
        self, token: str, name: str, inputs: Mapping[str, Json], *, olds: Mapping[str, Json] | None = None
    ) -> dict[str, Json]:
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=_urn(token, name),
                news=to_struct(Properties(inputs)),
                olds=to_struct(Properties(olds or {})),
                randomSeed=b"seed",
            )
        )
        if answer.failures:
            raise RefusedError({failure.property: failure.reason for failure in answer.failures})
        return dict(from_struct(answer.inputs).values)

    def create(self, token: str, name: str, inputs: Mapping[str, Json]) -> Made:
        checked = self.check(token, name, inputs)
        request = provider_pb2.CreateRequest(urn=_urn(token, name), properties=to_struct(Properties(checked)))
        answer = self.stub.Create(request)
        made = Made(token, name, answer.id, checked, dict(from_struct(answer.properties).values))
        self.seen.append(made)
        return made

    def diff(self, made: Made, inputs: Mapping[str, Json]) -> dict[str, str]:
        """Return what would change, by property, as `UPDATE`, `ADD_REPLACE` and so on."""
        news = self.check(made.token, made.name, inputs, olds=made.inputs)
        answer = self.stub.Diff(
            provider_pb2.DiffRequest(
                id=made.id,
                urn=_urn(made.token, made.name),
                olds=to_struct(Properties(made.state)),
                news=to_struct(Properties(news)),
            )
        )
        detailed = MessageToDict(answer).get("detailedDiff", {})
        return {name: one.get("kind", "ADD") for name, one in detailed.items()}

    def update(self, made: Made, inputs: Mapping[str, Json]) -> None:
        news = self.check(made.token, made.name, inputs, olds=made.inputs)
        answer = self.stub.Update(
            provider_pb2.UpdateRequest(
                id=made.id,
                urn=_urn(made.token, made.name),
                olds=to_struct(Properties(made.state)),
                news=to_struct(Properties(news)),
            )
        )
        made.inputs, made.state = news, dict(from_struct(answer.properties).values)

    def read(self, made: Made) -> Made | None:
        answer = self.stub.Read(
            provider_pb2.ReadRequest(
                id=made.id,
                urn=_urn(made.token, made.name),
                properties=to_struct(Properties(made.state)),
                inputs=to_struct(Properties(made.inputs)),
            )
        )
        if not answer.id:
            return None
        inputs, state = from_struct(answer.inputs).values, from_struct(answer.properties).values
        return Made(made.token, made.name, answer.id, dict(inputs), dict(state))

    def imported(self, token: str, name: str, identity: str) -> Made | None:
        return self.read(Made(token, name, identity, {}, {}))

    def delete(self, made: Made) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(
                id=made.id, urn=_urn(made.token, made.name), properties=to_struct(Properties(made.state))
            )
        )


def _urn(token: str, name: str) -> str:
    return f"urn:pulumi:dev::project::{token}::{name}"


@contextmanager
def driving() -> Iterator[Driver]:
    """Yield a driver of a provider of its own, not configured yet."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsPlugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Driver(provider_pb2_grpc.ResourceProviderStub(channel))
    server.stop(None).wait()
