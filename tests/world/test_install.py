from datetime import UTC, date, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.world import install
from lab.world.apply import issue_certificates, write_files
from lab.world.certificates import Authority, create_authority
from lab.world.providers import load_providers
from lab.world.render import render_files
from lab.world.spec import Delegation, NameServer, WorldError, WorldSpec
from lab.world.units import UNITS

SPEC = WorldSpec(
    delegations=(
        Delegation(
            zone="fleet.example",
            name_servers=(NameServer(name="ns.fleet.example", address=IPv4Address("198.51.100.11")),),
        ),
    )
)


@given(warm=st.dictionaries(st.ip_addresses(v=4), st.none() | st.dates(min_value=date(2000, 1, 1))))
def test_a_specification_survives_its_file(
    warm: dict[IPv4Address, date | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("spec") / "world.json"
    spec = SPEC.model_copy(update={"warm_since": warm})
    path.write_text(spec.to_json())
    assert WorldSpec.read(path) == spec


def test_a_malformed_specification_is_named_with_its_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text('{"delegations": [{"zone": "UPPER.example", "name_servers": []}]}')
    with pytest.raises(WorldError, match=r"world\.json: delegations\.0\.zone"):
        WorldSpec.read(path)
    with pytest.raises(WorldError, match="cannot read"):
        WorldSpec.read(tmp_path / "absent.json")


def test_units_are_placed_once_and_enabled(tmp_path: Path) -> None:
    install.prepare_machine(tmp_path)
    install.prepare_machine(tmp_path)
    directory = tmp_path / "etc/systemd/system"
    assert {path.name for path in directory.iterdir() if path.is_file()} == set(UNITS)
    assert (directory / "multi-user.target.wants/mtafleet-world-apply.path").resolve().is_file()


def test_the_hand_over_guards_the_key_and_reports_what_the_machine_says(tmp_path: Path) -> None:
    install.write_specification(tmp_path, SPEC, "certificate", "key")
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert not install.is_applied(tmp_path, SPEC)
    (tmp_path / install.FAILED).write_text(f"{install.digest(SPEC)}\nno such port\n")
    assert install.failure(tmp_path, SPEC) == "no such port"
    (tmp_path / install.APPLIED).write_text(install.digest(SPEC) + "\n")
    assert install.is_applied(tmp_path, SPEC)
    other = SPEC.model_copy(update={"reverse_names": {IPv4Address("198.51.100.21"): "a.fleet.example"}})
    assert not install.is_applied(tmp_path, other)
    assert install.failure(tmp_path, other) is None


def test_an_unchanged_hand_over_leaves_the_files_alone(tmp_path: Path) -> None:
    install.write_specification(tmp_path, SPEC, "certificate", "key")
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    install.write_specification(tmp_path, SPEC, "certificate", "key")
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before


def test_rendering_again_touches_only_what_differs(tmp_path: Path) -> None:
    providers = load_providers()
    assert write_files(render_files(SPEC, providers, tmp_path, 1), tmp_path)
    assert write_files(render_files(SPEC, providers, tmp_path, 2), tmp_path) == set()
    changed = SPEC.model_copy(update={"reverse_names": {IPv4Address("198.51.100.21"): "a.fleet.example"}})
    assert write_files(render_files(changed, providers, tmp_path, 3), tmp_path) == {
        "knot-tld/zones/in-addr.arpa.zone"
    }


def test_certificates_are_kept_until_the_authority_changes(tmp_path: Path) -> None:
    def authority() -> tuple[Authority, WorldSpec]:
        certificate, key = create_authority("world", datetime.now(UTC))
        install.write_specification(tmp_path, SPEC, certificate, key)
        spec = SPEC.model_copy(update={"ca_certificate": tmp_path / "ca.crt", "ca_key": tmp_path / "ca.key"})
        return Authority.read(spec.ca_certificate, spec.ca_key), spec

    providers = load_providers()[:1]
    signer, spec = authority()
    assert issue_certificates(signer, spec, providers, tmp_path) == {"tls/google.pem", "tls/acme.pem"}
    assert issue_certificates(signer, spec, providers, tmp_path) == set()
    signer, spec = authority()
    assert issue_certificates(signer, spec, providers, tmp_path) == {"tls/google.pem", "tls/acme.pem"}
