"""`mtafleet api`: what it writes for curl, and that nobody else may read it."""

from pathlib import Path

import pytest

from cli.api import _secret, write_access
from fleet.api_tokens import ApiRole
from fleet.errors import MtafleetError
from fleet.inventory import Outputs, Secrets
from infra.outputs import StackOutputs


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
