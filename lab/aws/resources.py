"""The provider protocol's calls about AWS resources: kinds on demand, generated names, unserved inputs."""

import hashlib
import threading
from collections.abc import Mapping
from typing import Any

import grpc

from lab.aws.api import Api
from lab.aws.base import AwsKind
from lab.aws.config import Config
from lab.aws.kinds import KINDS
from lab.aws.same import same
from lab.aws.signatures import NoSuchTypeError, signature
from providerkit.kind import ProviderError
from providerkit.resources import AnyKind, Resources
from providerkit.values import Json, Properties, from_struct


class AwsResources(Resources):
    """Serves every kind of `lab.aws.kinds`, each made when it is first asked for."""

    def __init__(self, cancelled: threading.Event, engine: grpc.Channel | None = None) -> None:
        super().__init__((), cancelled, engine)
        self._guard = threading.Lock()
        self._made: dict[str, AwsKind] = {}
        self._api: Api | None = None

    def configure(self, config: Config) -> None:
        """Use `config` from now on; the engine says this once, before anything else."""
        self._api = Api(config)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = _ours(self._kind(request.urn, context))
        answer = super().Check(request, context)
        known = signature(kind.resource_type).inputs
        for name in sorted((set(request.news) & set(known)) - kind.served):
            answer.failures.add(
                property=name,
                reason=f"the stand-in for the AWS provider does not serve {name} of {kind.resource_type}; "
                "the official provider does",
            )
        return answer

    def _kind(self, urn: str, context: grpc.ServicerContext) -> AnyKind:
        token = urn.split("::")[2].rpartition("$")[2]
        with self._guard:
            if token not in self._made and token in KINDS:
                self._made[token] = KINDS[token](self._connect)
        if token in self._made:
            return self._made[token]
        try:
            signature(token)
            reason = f"the stand-in for the AWS provider does not serve {token}; the official provider does"
        except NoSuchTypeError as error:
            reason = str(error)
        context.abort(grpc.StatusCode.UNIMPLEMENTED, reason)
        raise AssertionError("abort raises")

    def _connect(self) -> Api:
        if self._api is None:
            raise ProviderError("the provider is not configured")
        return self._api

    def _asked(self, kind: AnyKind, request: Any) -> Properties:
        """Fill in a name where none is given: the recorded one, else the resource's own and a tail."""
        news = from_struct(request.news)
        ours = _ours(kind)
        name = ours.named
        if name is None or name in news.values or name in news.unknown or f"{name}Prefix" in news.values:
            return news
        before = from_struct(request.olds).values.get(name)
        if before is None:
            seed = request.randomSeed or request.urn.encode()
            tail = hashlib.sha256(seed + request.urn.encode()).hexdigest()[:7]
            before = f"{ours.name_prefix}{request.urn.rpartition('::')[2]}-{tail}"
        return Properties({**news.values, name: before}, news.secret, news.unknown)

    def _inputs_found(self, kind: AnyKind, found: Mapping[str, Json], before: Properties) -> dict[str, Json]:
        """Keep to the inputs the program gave, and to what was set behind its back."""
        ours = _ours(kind)
        fields = signature(kind.resource_type).inputs
        kept = {}
        for name, value in found.items():
            if name not in fields:
                continue
            if name in before.values:
                given = before.values[name]
                alike = same(
                    fields[name].type,
                    value,
                    given,
                    unordered=name in ours.sets,
                    document=name in ours.documents,
                )
                kept[name] = given if alike else value
            elif name not in ours.settled and not same(fields[name].type, value, ours.defaults.get(name)):
                kept[name] = value
        return kept


def _ours(kind: AnyKind) -> AwsKind:
    """Return a kind as what every kind of this provider is."""
    if not isinstance(kind, AwsKind):
        raise TypeError(f"{kind.resource_type} is not of this provider")
    return kind
