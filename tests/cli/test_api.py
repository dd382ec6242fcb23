"""`mtafleet api`: what it writes for curl, and that nobody else may read it."""

import asyncio
import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from cli.api import ApiError, _secret, get, write_access
from fleet.api_tokens import ApiRole, token
from fleet.errors import MtafleetError
from fleet.inventory import Outputs, Secrets
from fleet.store_certificates import Authorities
from fleet.topology import FleetNode
from infra.outputs import StackOutputs
from tests.failover.api_stage import SECRET, stage_in


def test_the_token_is_in_files_of_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "api"
    for plain in ("first", "second"):  # what was there before is replaced
        files = write_access(directory, "PEM\n", plain, ApiRole.READER)
    assert files["curl"].read_text() == 'header = "Authorization: Bearer second"\n'
    assert files["token"].read_text() == "second\n"
    assert files["authority"].read_text() == "PEM\n"
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_stack_of_an_earlier_version_says_what_to_do() -> None:
    tsig = {"name": "mtafleet", "algorithm": "hmac-sha256", "secret": "c2VjcmV0"}
    secrets = Secrets.model_validate({"tsig": tsig, "store": "s", "ssh_private_key": "k"})
    fleet = Outputs.model_validate({"nodes": {}, "acme": {"directory": "https://acme.example/dir"}})
    with pytest.raises(MtafleetError, match="run `mtafleet up lab` and `mtafleet configure lab`"):
        _secret("lab", StackOutputs(fleet, secrets))


async def test_a_request_is_made_with_the_token_and_the_fleets_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage_in(tmp_path) as stage:
        monkeypatch.setattr("cli.api.API_PORT", stage.port)
        node = FleetNode(
            "east-1", "mta", "east", IPv4Address("127.0.0.1"), "e", name_server=False, sending=()
        )
        authority = Authorities(SECRET, "lab", "api").servers_pem
        plain = token(SECRET, ApiRole.READER)
        status, body = await asyncio.to_thread(get, node, "/v1/status", authority, plain)
        assert (status, json.loads(body)["node"]) == (200, "east-1")
        status, body = await asyncio.to_thread(get, node, "/v1/status", authority, "another token")
        assert (status, json.loads(body)["title"]) == (401, "Unauthorized")
        foreign = Authorities("another secret", "lab", "api").servers_pem
        with pytest.raises(ApiError, match=r"east-1: the API at .* cannot be asked"):
            await asyncio.to_thread(get, node, "/v1/status", foreign, plain)
