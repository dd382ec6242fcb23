"""Asks a machine of the lab's fleet how it sees a node, over HTTPS, from any network."""

import http.client
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from fleet.ports import HTTPS
from fleet.topology import FleetNode
from fleet.views import STEERING_PATH, has_views
from lab.api import netns
from lab.world.trust import trusted_pem
from tests.end_to_end.system import System, at_once

TIMEOUT_SECONDS = 60.0
TRIES = 3


def view(system: System, observer: FleetNode, node: str, network: Path) -> int:
    """The status that `observer` answers with; its certificate is verified where it has a public one.

    Asked again when this computer was too slow for the front door's patience.
    """
    for _ in range(TRIES - 1):
        with suppress(OSError, http.client.HTTPException):
            return _view(system, observer, node, network)
    return _view(system, observer, node, network)


def _view(system: System, observer: FleetNode, node: str, network: Path) -> int:
    if observer.role == "mta":
        trust = ssl.create_default_context(cadata=trusted_pem(system.world))
        name = system.fleet.mx_name(observer)
    else:
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        name = observer.fqdn
    where = (str(observer.address), HTTPS)
    plain = netns.opened_in(network, lambda: socket.create_connection(where, TIMEOUT_SECONDS))
    with plain, trust.wrap_socket(plain, server_hostname=name) as secured:
        connection = http.client.HTTPConnection(name)
        connection.sock = secured
        connection.request("GET", STEERING_PATH.format(node=node))
        return connection.getresponse().status


def views_of(system: System, node: str, network: Path | None = None) -> dict[str, int]:
    """What every other observer answers about `node`, by its name; asked from the operator's network."""
    asked_from = network or netns.operator_network(system.paths)
    observers = [one for one in system.fleet.nodes if has_views(one) and one.name != node]
    found = at_once(lambda one: view(system, one, node, asked_from), observers)
    return {one.name: status for one, status in zip(observers, found, strict=True)}
