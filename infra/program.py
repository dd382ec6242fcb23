"""The Pulumi program: from the environment file to resources and stack outputs."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pulumi

from fleet.errors import MtafleetError
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.components import Node, NodeArgs, Pool, PoolArgs, Region, RegionArgs, Zone, ZoneArgs
from infra.records import pool_settings, record_settings
from infra.resources import PrivateKey
from infra.sdk_queue import quicken
from infra.secret_material import stack_secrets
from infra.stack_settings import StackSettings, read_settings
from infra.substrates import NameServer, Substrate

_HEAD_START_SECONDS = 0.05


def main() -> None:
    """Run for the stack's environment: config `mtafleet:environment`, by default the stack's name.

    A mistake in the environment file or the stack's configuration ends the program with its message alone.
    """
    quicken()
    try:
        settings = read_settings()
        provision(load_environment(settings.environment), settings)
    except MtafleetError as error:
        pulumi.log.error(str(error))
        sys.exit(1)
    _wait_without_spinning()


def provision(environment: Environment, settings: StackSettings | None = None) -> None:
    """Declare the resources of one environment's stack and export what configuration needs.

    A lab is one stack; on AWS `settings` say which part this is. Modules for AWS are imported when they are
    used: its SDK takes seconds to load.
    """
    if environment.substrate == "lab":
        _provision_lab(environment)
        return
    settings = settings or StackSettings(environment.environment, "fleet")
    if settings.part == "foundation":
        from infra.substrates.aws.foundation import provision_foundation  # noqa: PLC0415

        provision_foundation(environment, settings)
    else:
        from infra.substrates.aws.fleet import provision_fleet  # noqa: PLC0415

        provision_fleet(environment, settings)


def _provision_lab(environment: Environment) -> None:
    fleet = Fleet.of(environment)
    substrate = _substrate(environment)
    ssh_key = PrivateKey("ssh", "ed25519")
    record_settings(environment)

    nodes = _nodes(fleet, substrate, ssh_key.public_key_openssh)
    pools = {
        name: Pool(name, PoolArgs(_addresses(fleet, name), pool_settings(environment, name)), substrate)
        for name in environment.pools
    }
    zones = _zones(fleet, substrate)
    around = substrate.surroundings(ssh_key.public_key_openssh)

    pulumi.export(
        "fleet",
        {
            "nodes": {name: node.entry for name, node in nodes.items()},
            "access": around.access,
            "acme": {
                "directory": environment.acme.directory,
                "ca_certificate": around.ca_certificate,
            },
            "resolver": {"root_hints": around.root_hints, "trust_anchor": around.trust_anchor},
            "addresses": {
                address: entry for pool in pools.values() for address, entry in pool.entries.items()
            },
        },
    )
    dkim = {name: zone.dkim for name, zone in zones.items() if zone.dkim}
    pulumi.export("secrets", stack_secrets(environment, ssh_key, dkim))


def _wait_without_spinning() -> None:
    """Give the SDK something to wait for, so that the registrations just scheduled can begin.

    It waits properly for registrations that have begun. As long as there is none it polls its outputs without
    a pause instead, and keeps a whole processor busy until the last machine runs. Only speed depends on this.
    """
    with suppress(ImportError, AttributeError):
        from pulumi.runtime.settings import _get_rpc_manager  # noqa: PLC0415

        _get_rpc_manager().rpcs.append(asyncio.ensure_future(asyncio.sleep(_HEAD_START_SECONDS)))


def _substrate(environment: Environment) -> Substrate:
    """Substrates are imported when used: a cloud's SDK takes seconds to load."""
    if environment.lab is None:
        raise MtafleetError("an environment on the substrate `lab` needs the section `lab`")
    from infra.substrates.local import LabSubstrate  # noqa: PLC0415

    return LabSubstrate(environment, environment.lab)


def _nodes(fleet: Fleet, substrate: Substrate, ssh_key: pulumi.Input[str]) -> Mapping[str, Node]:
    networks = fleet.site_networks()
    regions = {
        name: Region(name, RegionArgs(networks[name]), substrate) for name in fleet.environment.regions
    }
    for name, network in networks.items():
        if name not in regions:
            substrate.site(name, network, None)
    return {
        node.name: Node(
            node.name,
            NodeArgs(node, ssh_key),
            substrate,
            pulumi.ResourceOptions(parent=regions.get(node.site)),
        )
        for node in fleet.nodes
    }


def _zones(fleet: Fleet, substrate: Substrate) -> Mapping[str, Zone]:
    """The operator's own zone and each sending domain; zones inside these are their servers' business."""
    servers = [NameServer(fleet.name_server_name(node), str(node.address)) for node in fleet.name_servers]
    selectors = {
        domain: (spec.dkim_selectors.active, spec.dkim_selectors.standby)
        for domain, spec in fleet.environment.domains.items()
    }
    names = dict.fromkeys((fleet.environment.operator.domain, *selectors))
    return {name: Zone(name, ZoneArgs(servers, selectors.get(name, ())), substrate) for name in names}


def _addresses(fleet: Fleet, pool: str) -> list[Any]:
    return [sending for sending in fleet.sending_addresses if sending.pool == pool]
