"""Runs the program for a stack on AWS against the SDK's mocks and remembers what was registered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Address
from typing import Any

import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pulumi.runtime.mocks import MockMonitor

from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from infra.program import provision
from infra.stack_settings import Part, StackSettings
from tests.providerkit.sdk import current_loop

AS_OF = date(2026, 11, 23)
IMAGES = {
    region: f"ami-{number:017x}"
    for number, region in enumerate(("us-east-1", "eu-west-1", "us-east-2", "us-west-2"))
}
DKIM_KEY = (
    Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
"""What is rendered from the stack reads these."""
FIRST_PUBLIC = IPv4Address("198.51.100.1")

Key = tuple[str, str]
"""A resource's type and name."""


@dataclass(frozen=True)
class Registered:
    """What the engine was asked for."""

    inputs: Mapping[str, Any]
    provider: str
    protect: bool
    parent: str
    aliases: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    delete_before_replace: bool
    import_id: str
    dependencies: frozenset[Key]


@dataclass
class AwsMocks(pulumi.runtime.Mocks):
    """Computed outputs of AWS's resources, enough of them for the program to go on."""

    public: Mapping[str, str]
    foundation: Mapping[str, Any] | None = None
    secrets: Mapping[str, Any] = field(default_factory=dict)
    resources: dict[Key, Registered] = field(default_factory=dict)
    requests: dict[Key, Any] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        kind = args.typ
        if kind == "pulumi:pulumi:StackReference":
            return args.name, {
                "name": args.inputs["name"],
                "outputs": {"foundation": self.foundation, "secrets": self.secrets},
                "secretOutputNames": ["secrets"],
            }
        assert (kind, args.name) not in self.resources, f"{kind} {args.name} twice"
        self.resources[kind, args.name] = registered(args.inputs, self.requests[kind, args.name])
        return f"{args.name}-id", {**args.inputs, **self._computed(kind, args.name)}

    def _computed(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {
            "mtafleet:index:PrivateKey": {
                "private_key_pem": DKIM_KEY if "._domainkey." in name else f"PEM {name}",
                "public_key_openssh": f"ssh-ed25519 {name}",
                "public_key_base64": "MIIB",
            },
            "mtafleet:index:SharedSecret": {"value": f"value of {name}"},
            "aws:ec2/eip:Eip": {"allocationId": f"eipalloc-{name}", "publicIp": self.public.get(name, "")},
            "aws:route53/zone:Zone": {"zoneId": f"Z-{name}", "nameServers": ["ns-1.aws.example"]},
            "aws:kms/key:Key": {"arn": f"arn:key/{name}", "keyId": name},
            "aws:sns/topic:Topic": {"arn": f"arn:topic/{name}"},
            "aws:ec2/instance:Instance": {"primaryNetworkInterfaceId": f"eni-{name}"},
        }
        return found.get(kind, {})

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(f"the program looks {args.token} up")

    def of(self, kind: str) -> dict[str, Registered]:
        return {name: one for (type_, name), one in self.resources.items() if type_ == kind}


class Monitor(MockMonitor):
    """Shows the mocks the whole request: options are not among what they are given."""

    mocks: AwsMocks

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - a gRPC method
        self.mocks.requests[request.type, request.name] = request
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def registered(inputs: Mapping[str, Any], request: Any) -> Registered:
    aliases = [alias.spec.name if alias.HasField("spec") else alias.urn for alias in request.aliases]
    return Registered(
        inputs=inputs,
        provider=request.provider.rpartition("::")[0].rpartition("::")[2],
        protect=request.protect,
        parent=request.parent.rpartition("::")[2],
        aliases=tuple(aliases),
        ignore_changes=tuple(request.ignoreChanges),
        delete_before_replace=request.deleteBeforeReplace,
        import_id=request.importId,
        dependencies=frozenset(_key(urn) for urn in request.dependencies),
    )


def _key(urn: str) -> Key:
    _stack, _project, types, name = urn.split("::", 3)
    return types.rpartition("$")[2], name


@dataclass
class AwsRun:
    mocks: AwsMocks
    exports: dict[str, Any]

    def of(self, kind: str) -> dict[str, Registered]:
        return self.mocks.of(kind)


def public_addresses(environment: Environment) -> dict[str, str]:
    """What AWS would give: no two next to each other."""
    listed = [str(node.address) for region in environment.regions.values() for node in region.nodes.values()]
    listed.append(str(environment.witness.address))
    for pool in environment.pools.values():
        listed += [str(address) for addresses in pool.addresses.values() for address in addresses]
    return {private: str(FIRST_PUBLIC + 2 * number) for number, private in enumerate(sorted(listed))}


def run_part(
    environment: Environment,
    part: Part,
    foundation: AwsRun | None = None,
    **settings: Any,
) -> AwsRun:
    """Run one stack of an environment and wait for all of it."""
    mocks = AwsMocks(
        public_addresses(environment),
        foundation.exports["foundation"] if foundation else None,
        foundation.exports["secrets"] if foundation else {},
    )
    chosen = StackSettings(environment.environment, part, images=IMAGES, **settings)
    with current_loop():
        return _run(environment, chosen, mocks)


def _run(environment: Environment, settings: StackSettings, mocks: AwsMocks) -> AwsRun:
    exports: dict[str, Any] = {}
    monitor = Monitor(mocks)
    pulumi.runtime.set_mocks(mocks, "mtafleet", environment.environment, preview=False, monitor=monitor)

    def program() -> Any:
        captured: dict[str, Any] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pulumi, "export", captured.__setitem__)
            provision(environment, settings)
        return pulumi.Output.all(**captured).apply(exports.update)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return AwsRun(mocks, exports)


@dataclass
class Both:
    """Both stacks of an environment."""

    environment: Environment
    foundation: AwsRun
    fleet: AwsRun

    def all(self) -> Iterator[tuple[Key, Registered]]:
        for run in (self.foundation, self.fleet):
            yield from run.mocks.resources.items()


def run_both(environment: Environment, **settings: Any) -> Both:
    """The foundation with reverse names asked for, then the fleet upon it."""
    foundation = run_part(environment, "foundation", delegated=True)
    return Both(environment, foundation, run_part(environment, "fleet", foundation, **settings))


def environment_called(name: str) -> Environment:
    return load_environment(name, AS_OF)
