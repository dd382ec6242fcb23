"""The provider protocol's calls about resources, turned into operations on resource kinds.

Requests and responses are Pulumi's protobuf messages. Calls arrive concurrently on a thread pool.
"""

import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    status_pb2,
)

from providerkit.kind import Inputs, Kind, PartlyCreatedError, ProviderError, check, dump, state_of
from providerkit.progress import listening
from providerkit.values import Json, Properties, from_struct, to_struct

AnyKind = Kind[Any]


class _Locks:
    """One lock per resource id, so that operations on one resource never overlap."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def hold(self, key: str | None) -> Iterator[None]:
        if key is None:
            yield
            return
        with self._guard:
            lock = self._locks[key]
        with lock:
            yield


class Resources:
    """Serves the kinds of one provider; method names are those of Pulumi's `ResourceProvider` service."""

    def __init__(
        self, kinds: Iterable[AnyKind], cancelled: threading.Event, engine: grpc.Channel | None = None
    ) -> None:
        """Once `cancelled` is set, running operations end as they would and new ones are refused."""
        self._kinds = {kind.resource_type: kind for kind in kinds}
        self._locks = _Locks()
        self._engine = engine_pb2_grpc.EngineStub(engine) if engine is not None else None
        self._cancelled = cancelled

    # --- resources

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)
        inputs, problems = check(kind, self._asked(kind, request))
        return provider_pb2.CheckResponse(
            inputs=to_struct(inputs),
            failures=[
                provider_pb2.CheckFailure(property=problem.property, reason=problem.reason)
                for problem in problems
            ],
        )

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)
        recorded = from_struct(request.olds)
        news = from_struct(request.news)
        differences = {
            name: replaces
            for name, replaces in kind.changed(recorded, news).items()
            if name not in request.ignoreChanges
        }
        replaces = [name for name, forces in differences.items() if forces]
        some = provider_pb2.DiffResponse.DIFF_SOME if differences else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            diffs=list(differences),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and kind.delete_before_replace,
            hasDetailedDiff=True,
            detailedDiff={
                name: _property_diff(
                    name in recorded.values,
                    name in news.values or name not in kind.inputs.model_fields,
                    name in news.unknown,
                    forces,
                )
                for name, forces in differences.items()
            },
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)
        given = from_struct(request.properties)
        if request.preview:
            state = _foreseen(kind, given)
            return provider_pb2.CreateResponse(id=_preview_id(kind, given), properties=to_struct(state))
        inputs = kind.inputs.model_validate(dict(given.values))

        def create() -> Any:
            with self._locks.hold(kind.identify(inputs)):
                created = kind.create(inputs)
            state = state_of(kind, inputs, created.computed, given.secret)
            return provider_pb2.CreateResponse(id=created.identity, properties=to_struct(state))

        return self._attempt(context, request.urn, kind, create, inputs, given)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)
        recorded = from_struct(request.properties)

        def read() -> Any:
            with self._locks.hold(request.id):
                found = kind.read(request.id, recorded.values)
            if found is None:
                return provider_pb2.ReadResponse()
            secret = recorded.secret | from_struct(request.inputs).secret | kind.secret
            inputs = self._inputs_found(kind, found, from_struct(request.inputs))
            return provider_pb2.ReadResponse(
                id=request.id,
                properties=to_struct(Properties(found, secret)),
                inputs=to_struct(Properties(inputs, secret)),
            )

        return self._attempt(context, request.urn, kind, read)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)
        recorded = from_struct(request.olds)
        given = from_struct(request.news)
        if request.preview:
            kept = {key: recorded.values[key] for key in kind.computed if key in recorded.values}
            state = Properties({**kept, **given.values}, given.secret | kind.secret, given.unknown)
            return provider_pb2.UpdateResponse(properties=to_struct(state))
        inputs = kind.inputs.model_validate(dict(given.values))

        def update() -> Any:
            with self._locks.hold(request.id):
                computed = kind.update(request.id, inputs, recorded.values)
            state = state_of(kind, inputs, computed, given.secret)
            return provider_pb2.UpdateResponse(properties=to_struct(state))

        return self._attempt(context, request.urn, kind, update, inputs, given)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)

        def delete() -> Any:
            with self._locks.hold(request.id):
                kind.delete(request.id, from_struct(request.properties).values)
            return Empty()

        return self._attempt(context, request.urn, kind, delete)

    # --- for providers that do it another way

    def _asked(self, kind: AnyKind, request: Any) -> Properties:
        """Return the inputs a `Check` request asks about."""
        return from_struct(request.news)

    def _inputs_found(self, kind: AnyKind, found: Mapping[str, Json], before: Properties) -> dict[str, Json]:
        """Return the inputs that describe a resource as found; `before` are those recorded, if any."""
        names = set(kind.inputs.model_fields)
        return {key: value for key, value in found.items() if key in names}

    # --- helpers

    def _kind(self, urn: str, context: grpc.ServicerContext) -> AnyKind:
        token = urn.split("::")[2].rpartition("$")[2]
        kind = self._kinds.get(token)
        if kind is None:
            known = ", ".join(sorted(self._kinds))
            context.abort(grpc.StatusCode.NOT_FOUND, f"no resource type {token}; this provider has {known}")
            raise AssertionError("abort raises")
        return kind

    def _log(self, urn: str, text: str) -> None:
        """Show a line of progress beside the resource; a lost line harms nothing."""
        if self._engine is not None:
            request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text, urn=urn, ephemeral=True)
            with suppress(grpc.RpcError):
                self._engine.Log(request, timeout=5)

    def _attempt(
        self,
        context: grpc.ServicerContext,
        urn: str,
        kind: AnyKind,
        operation: Callable[[], Any],
        inputs: Inputs | None = None,
        given: Properties | None = None,
    ) -> Any:
        """Run an operation; report failures as one sentence, and a half-made resource as such."""
        if self._cancelled.is_set():
            context.abort(grpc.StatusCode.CANCELLED, "the run was cancelled before this step began")
        try:
            with listening(lambda text: self._log(urn, text)):
                return operation()
        except PartlyCreatedError as error:
            state = state_of(kind, inputs, error.computed, given.secret) if inputs and given else Properties()
            details = provider_pb2.ErrorResourceInitFailed(
                id=error.identity,
                properties=to_struct(state),
                inputs=to_struct(Properties(dump(inputs), state.secret) if inputs else Properties()),
                reasons=[error.reason],
            )
            _set_details(context, details, error.reason)
            context.abort(grpc.StatusCode.UNKNOWN, error.reason)
        except ProviderError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except Exception as error:
            traceback.print_exc()  # the engine keeps a provider's stderr for its debug log
            context.abort(grpc.StatusCode.INTERNAL, f"{kind.resource_type}: {type(error).__name__}: {error}")
        raise AssertionError("abort raises")


def _foreseen(kind: AnyKind, given: Properties) -> Properties:
    """Return the state a creation would lead to, as far as it can be told."""
    known = {} if given.unknown else kind.foresee(kind.inputs.model_validate(dict(given.values)))
    unknown = given.unknown | (kind.computed - known.keys() - given.values.keys())
    return Properties({**given.values, **known}, given.secret | kind.secret, unknown)


def _preview_id(kind: AnyKind, given: Properties) -> str:
    if given.unknown:
        return ""
    return kind.identify(kind.inputs.model_validate(dict(given.values))) or ""


def _property_diff(before: bool, after: bool, unknown: bool, forces: bool) -> Any:
    diff = provider_pb2.PropertyDiff
    if not before:
        number = diff.ADD_REPLACE if forces else diff.ADD
    elif not after and not unknown:
        number = diff.DELETE_REPLACE if forces else diff.DELETE
    else:
        number = diff.UPDATE_REPLACE if forces else diff.UPDATE
    return diff(kind=number, inputDiff=False)


def _set_details(context: grpc.ServicerContext, details: Any, message: str) -> None:
    """Attach a typed error to the answer, the way gRPC's richer error model does."""
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    status.details.add().Pack(details)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
