"""The provider protocol's calls about the plugin itself, answered before the resource kinds are loaded.

The engine starts its providers one after the other and waits for each to answer, so what takes long to import
is imported meanwhile, in the background.
"""

import json
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

if TYPE_CHECKING:
    from providerkit.resources import Resources

VERSION = "0.1.0"


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """Answers for a whole provider; calls about resources wait until these are loaded."""

    def __init__(self, package: str, load: "Callable[[threading.Event], Resources]") -> None:
        """Begin to load at once; `load` gets the event that says the run was cancelled."""
        self._package = package
        self.cancelled = threading.Event()
        self._resources: Future[Resources] = Future()
        threading.Thread(target=self._load, args=(load,), name="load", daemon=True).start()

    def _load(self, load: "Callable[[threading.Event], Resources]") -> None:
        try:
            self._resources.set_result(load(self.cancelled))
        except BaseException as error:
            traceback.print_exc()  # the engine keeps a provider's stderr for its debug log
            self._resources.set_exception(error)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        schema = {"name": self._package, "version": VERSION, "resources": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.cancelled.set()
        return Empty()

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._resources.result().Check(request, context)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._resources.result().Diff(request, context)

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._resources.result().Create(request, context)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._resources.result().Read(request, context)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._resources.result().Update(request, context)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._resources.result().Delete(request, context)
