"""The whole Pulumi program against the SDK's mocks: which resources, with which inputs, under which names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest

from fleet.inventory import Outputs, Secrets
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from infra.program import provision
from tests.providerkit.sdk import current_loop


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Remembers what was registered; computed outputs become readable stand-ins."""

    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.resources[(args.typ.rpartition(":")[2], args.name)] = args.inputs
        computed: dict[str, dict[str, Any]] = {
            "PrivateKey": {
                "private_key_pem": f"PEM {args.name}",
                "public_key_openssh": "ssh-ed25519 AAAA",
                "public_key_base64": "AAAA",
            },
            "SharedSecret": {"value": f"value of {args.name}"},
            "CertificateAuthority": {"certificate_pem": "CERT", "private_key_pem": "KEY"},
            "Lab": {"lab": "lab-0a1b2c"},
            "Image": {"recipe": "image-1"},
            "Disk": {"host_key": f"ssh-ed25519 {args.name}"},
            "World": {"root_hints": [{"name": "a.root", "address": "198.18.0.1"}]},
        }
        outputs = {**args.inputs, **computed.get(args.typ.rpartition(":")[2], {})}
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        return {}, None

    def named(self, kind: str) -> dict[str, dict[str, Any]]:
        return {name: inputs for (type_, name), inputs in self.resources.items() if type_ == kind}


@dataclass
class Run:
    recorder: Recorder
    exports: dict[str, Any]


def run(environment: Environment) -> Run:
    """Run the program for an environment and wait for all of it."""
    with current_loop():
        return _run(environment)


def _run(environment: Environment) -> Run:
    exports: dict[str, Any] = {}

    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, preview=False, stack=environment.environment)

    def program() -> Any:
        captured: dict[str, Any] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pulumi, "export", captured.__setitem__)
            provision(environment)
        return pulumi.Output.all(**captured).apply(exports.update)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return Run(recorder, exports)


@pytest.fixture(scope="module")
def lab_run() -> Iterator[Run]:
    yield run(load_environment("lab"))


def test_every_node_has_a_disk_and_a_machine_of_its_own(lab_run: Run) -> None:
    nodes = {"east-1", "east-2", "west-1", "west-2", "witness-1", "app-1"}
    assert set(lab_run.recorder.named("Node")) == nodes
    for kind in ("Disk", "Machine"):
        assert set(lab_run.recorder.named(kind)) == nodes | {"internet-1"}
    machine = lab_run.recorder.named("Machine")["east-1"]
    assert machine["disk"] == "east-1-id"
    assert machine["site"] == "east"
    assert machine["addresses"] == ["198.51.100.11"]


def test_every_sending_address_has_its_reverse_name(lab_run: Run) -> None:
    addresses = lab_run.recorder.named("Address")
    assert len(addresses) == 16
    assert addresses["203.0.113.22"]["reverse_name"] == "transactional-2.west-1.fleet.example"
    assert addresses["203.0.113.22"]["machine"] == "west-1"


def test_regions_are_joined_by_a_link(lab_run: Run) -> None:
    link = lab_run.recorder.named("Link")["east--west"]
    assert (link["site_a"], link["site_b"], link["delay_milliseconds"]) == ("east", "west", 0)


def test_sending_domains_get_a_key_for_each_selector(lab_run: Run) -> None:
    keys = {name for name in lab_run.recorder.named("PrivateKey") if "_domainkey" in name}
    assert keys == {
        "s1._domainkey.shop.example",
        "s2._domainkey.shop.example",
        "s1._domainkey.news.example",
        "s2._domainkey.news.example",
    }


def test_zones_are_delegated_to_a_name_server_in_each_region(lab_run: Run) -> None:
    delegations = lab_run.recorder.named("Delegation")
    assert set(delegations) == {"fleet.example", "shop.example", "news.example"}
    assert delegations["shop.example"]["name_servers"] == [
        {"name": "ns-east.fleet.example", "address": "198.51.100.11"},
        {"name": "ns-west.fleet.example", "address": "203.0.113.11"},
    ]


def test_settings_are_recorded(lab_run: Run) -> None:
    settings = lab_run.recorder.named("Settings")
    assert set(settings) == {
        "limits",
        "failover",
        "pool.transactional",
        "pool.marketing",
        "pool.notification",
    }
    assert settings["limits"]["values"]["message_bytes"] == 10_485_760
    assert settings["pool.marketing"]["values"]["users"] == {"newsletter": {"senders": ["@news.example"]}}


def test_outputs_are_what_configuration_reads(lab_run: Run) -> None:
    fleet = Outputs.model_validate(lab_run.exports["fleet"])
    secrets = Secrets.model_validate(lab_run.exports["secrets"])
    assert fleet.nodes["witness-1"].role == "witness"
    assert fleet.nodes["east-1"].host_key == "ssh-ed25519 east-1"
    assert fleet.acme.ca_certificate == "CERT"
    assert {entry.pool for entry in fleet.addresses.values()} == {
        "transactional",
        "marketing",
        "notification",
    }
    assert secrets.tsig.algorithm == "hmac-sha256"
    assert set(secrets.users) == {"shop-app", "shop-alerts", "newsletter"}
    assert secrets.dkim["news.example"]["s2"].get_secret_value() == "PEM s2._domainkey.news.example"


def test_reordering_the_file_changes_no_resource(lab_run: Run) -> None:
    environment = load_environment("lab")
    reordered = environment.model_copy(
        update={
            "regions": dict(reversed(environment.regions.items())),
            "pools": dict(reversed(environment.pools.items())),
            "users": dict(reversed(environment.users.items())),
            "domains": dict(reversed(environment.domains.items())),
        }
    )
    again = run(reordered)
    assert again.recorder.resources == lab_run.recorder.resources
