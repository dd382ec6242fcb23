"""The provider protocol's calls about the stand-in itself: its configuration, and what it refuses."""

import json
import threading
from typing import Any

import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2

from lab.aws.config import check_config, configure
from lab.aws.signatures import PROVIDER, package_version, signature
from providerkit.kind import ProviderError
from providerkit.plugin import Plugin
from providerkit.resources import Resources
from providerkit.serve import engine_channel
from providerkit.values import from_struct

_OF_THE_ENGINE = {"version", "pluginDownloadURL"}


class AwsPlugin(Plugin):
    """One provider process; the engine starts one for each `aws.Provider` of a program."""

    def __init__(self, engine_address: str | None = None) -> None:
        def load(cancelled: threading.Event) -> Resources:
            from lab.aws.resources import AwsResources  # noqa: PLC0415 - boto3 loads in the background

            return AwsResources(cancelled, engine_channel(engine_address))

        super().__init__("aws", load)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=package_version())

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        schema = {"name": "aws", "version": package_version(), "resources": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        problems = check_config(from_struct(request.news))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[
                provider_pb2.CheckFailure(property=problem.property, reason=problem.reason)
                for problem in problems
            ],
        )

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Another region needs other resources; everything else about a provider changes in place."""
        before, news = from_struct(request.olds), from_struct(request.news)
        known = set(signature(PROVIDER).inputs) - _OF_THE_ENGINE
        different = sorted(
            name for name in known if name in news.unknown or before.values.get(name) != news.values.get(name)
        )
        diff = provider_pb2.DiffResponse
        return diff(
            changes=diff.DIFF_SOME if different else diff.DIFF_NONE,
            diffs=different,
            replaces=[name for name in different if name == "region" and name in before.values],
        )

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        try:
            self._resources.result().configure(configure(from_struct(request.args).values))  # type: ignore[attr-defined]
        except ProviderError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{request.tok}: look-ups are refused by the stand-in for the AWS provider: a program with "
            "look-ups fails as a whole when one region is dead; put the value in the stack's config",
        )
