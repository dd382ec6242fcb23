"""`mtafleet api`: what is needed to use the HTTP API of the nodes, and a request by it."""

import http.client
import json
import os
import socket
import ssl
import sys
from pathlib import Path

import click

from cli.access import enter_network
from fleet.api import AUTHORITY, api_url
from fleet.api_tokens import ApiRole, token
from fleet.errors import MtafleetError
from fleet.paths import state_directory
from fleet.ports import API_PORT
from fleet.spec.load import load_environment
from fleet.store_certificates import Authorities
from fleet.topology import Fleet, FleetNode
from infra.outputs import StackOutputs, read_outputs

TIMEOUT_SECONDS = 15.0


class ApiError(MtafleetError):
    """The API cannot be used, or the request cannot be made."""


@click.command("api")
@click.argument("environment")
@click.argument("node", required=False)
@click.argument("path", required=False)
@click.option(
    "--role",
    type=click.Choice([str(one) for one in ApiRole]),
    default=str(ApiRole.READER),
    show_default=True,
    help="Whose token.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the files and addresses as JSON.")
def api(environment: str, node: str | None, path: str | None, role: str, *, as_json: bool) -> None:
    """Use the HTTP API of the nodes.

    Alone, it writes the certificate authority, a role's token and a file for `curl --config` into
    .mtafleet/ENVIRONMENT/api/, for you alone to read, and tells each node's address. With NODE and PATH, it
    gets PATH from that node and prints what is answered; the exit status is 1 unless that is 200.

    Example: mtafleet api lab east-1 /v1/explain
    """
    fleet = Fleet.of(load_environment(environment))
    name = fleet.environment.environment
    outputs = read_outputs(name, substrate=fleet.environment.substrate)
    secret = _secret(name, outputs)
    authority = Authorities(secret, name, AUTHORITY).servers_pem
    plain = token(secret, ApiRole(role))
    if node is None:
        files = write_access(state_directory(name) / "api", authority, plain, ApiRole(role))
        urls = {one.name: api_url(one) for one in fleet.nodes}
        _tell(files, urls, as_json=as_json)
        return
    if path is None or not path.startswith("/"):
        raise ApiError(f"what is asked of {node}? Name a path, such as /v1/status")
    known = {one.name: one for one in fleet.nodes}
    if node not in known:
        raise ApiError(f"no node is called {node}; there are {', '.join(known)}")
    enter_network(name, outputs.fleet)
    status, body = get(known[node], path, authority, plain)
    click.echo(body.rstrip("\n"))
    if status != http.HTTPStatus.OK:
        sys.exit(1)


def _secret(environment: str, outputs: StackOutputs) -> str:
    if outputs.secrets.api is None:
        raise ApiError(
            f"the stack {environment} has no secret for the API yet: "
            f"run `mtafleet up {environment}` and `mtafleet configure {environment}`"
        )
    return outputs.secrets.api.get_secret_value()


def write_access(directory: Path, authority: str, plain: str, role: ApiRole) -> dict[str, Path]:
    """Write the authority (PEM), the token and a file for curl, the last two of mode 0600; their places."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    contents = {
        "authority": ("ca.pem", authority),
        "token": (f"{role}.token", f"{plain}\n"),
        "curl": (f"{role}.curl", f'header = "Authorization: Bearer {plain}"\n'),
    }
    found = {}
    for what, (name, text) in contents.items():
        found[what] = file = directory / name
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
    return found


def _tell(files: dict[str, Path], urls: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"files": {what: str(file) for what, file in files.items()}, "urls": urls}))
        return
    for node, url in urls.items():
        click.echo(f"{node}: {url}")
    click.echo(f"curl --cacert {files['authority']} --config {files['curl']} URL/v1/status")


def get(node: FleetNode, path: str, authority: str, plain: str) -> tuple[int, str]:
    """The status and body of its answer; ApiError when there is none, or it shows another certificate."""
    trust = ssl.create_default_context(cadata=authority)
    where = str(node.address)
    try:
        with socket.create_connection((where, API_PORT), TIMEOUT_SECONDS) as sock:
            connection = http.client.HTTPConnection(where)
            connection.sock = trust.wrap_socket(sock, server_hostname=where)
            connection.request("GET", path, headers={"Authorization": f"Bearer {plain}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise ApiError(f"{node.name}: the API at {api_url(node)} cannot be asked: {error}") from None
