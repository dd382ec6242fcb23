"""The node's certificate program: when a new certificate is due, and what counts as one."""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "templates/tls/usr/local/sbin/mtafleet-certificate"
NAMES = frozenset({"mx.fleet.example", "sts.submit.fleet.example"})
DAY = 86_400.0


def load_program() -> ModuleType:
    loader = SourceFileLoader("mtafleet_certificate", str(PROGRAM))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = writes
    return module


program = load_program()


@pytest.mark.parametrize(
    ("names", "day", "reason"),
    [
        (NAMES, 1, None),
        (NAMES, 59.9, None),
        (NAMES, 60, "in the last third of its life"),
        (NAMES, 90, "expired"),
        (NAMES | {"new.fleet.example"}, 1, "other names"),
        (frozenset({"mx.fleet.example"}), 1, "other names"),
    ],
)
def test_a_new_certificate_is_due_for_other_names_and_in_the_last_third(
    names: frozenset[str], day: float, reason: str | None
) -> None:
    present = program.Certificate(NAMES, not_before=0.0, not_after=90 * DAY)
    assert program.reason_to_renew(present, names, day * DAY) == reason


@pytest.fixture
def version(tmp_path: Path) -> Path:
    make_certificate(tmp_path)
    return tmp_path


def make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += [
        "-subj",
        "/CN=x",
        "-days",
        "90",
        "-addext",
        f"subjectAltName={','.join(f'DNS:{n}' for n in NAMES)}",
    ]
    files = ["-keyout", str(folder / program.KEY), "-out", str(folder / program.CHAIN)]
    subprocess.run([*command, *files], check=True, capture_output=True)


def test_reads_names_and_days_of_a_real_certificate(version: Path) -> None:
    found = program.read_certificate(version)
    assert found.names == NAMES
    # OpenSSL asks for the time twice, and a second may end in between.
    assert found.not_after - found.not_before == pytest.approx(90 * DAY, abs=60)


def test_a_key_of_another_certificate_is_noticed(version: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other)
    (version / program.KEY).write_bytes((other / program.KEY).read_bytes())
    with pytest.raises(program.CertificateError, match="not the certificate's"):
        program.read_certificate(version)


def test_a_version_comes_into_use_whole_and_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "VERSIONS", tmp_path)
    for day in range(1, 6):
        folder = tmp_path / f"2026010{day}T000000Z"
        folder.mkdir()
        program.switch(folder)
        assert (tmp_path / "current").readlink() == Path(folder.name)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        *(f"2026010{day}T000000Z" for day in (3, 4, 5)),
        "current",
    ]


class Services:
    """Stands for systemctl: which units run, which refuse to reload, and who was told."""

    def __init__(self, running: set[str], refusing: set[str]) -> None:
        self.running, self.refusing = running, refusing
        self.told: list[str] = []

    def run(self, command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        unit = command[-1]
        if "is-active" in command:
            return subprocess.CompletedProcess(command, int(unit not in self.running), "", "")
        self.told.append(unit)
        return subprocess.CompletedProcess(command, int(unit in self.refusing), "", "bad configuration")


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    one = Services({"haproxy.service", "postfix@a.service"}, {"haproxy.service"})
    monkeypatch.setattr(program, "UNTOLD", tmp_path / "untold")
    monkeypatch.setattr(program.subprocess, "run", one.run)
    return one


def test_a_service_that_does_not_take_up_the_certificate_is_told_again(services: Services) -> None:
    config = {"reload": ["haproxy.service", "postfix@a.service", "knot.service"]}
    program.UNTOLD.touch()
    with pytest.raises(program.CertificateError, match="bad configuration"):
        program.tell(config)
    assert services.told == ["haproxy.service", "postfix@a.service"]
    assert program.UNTOLD.exists()
    services.refusing.clear()
    program.tell(config)
    assert not program.UNTOLD.exists()


@pytest.mark.parametrize(("not_after", "content"), [(1.0, False), (2_000_000_000_000.0, True)])
def test_waiting_is_content_with_any_valid_certificate(
    monkeypatch: pytest.MonkeyPatch, not_after: float, content: bool
) -> None:
    present = program.Certificate(NAMES, not_before=0.0, not_after=not_after)
    monkeypatch.setattr(program, "wait", lambda: "the authority is down")
    monkeypatch.setattr(program, "look", lambda *_: ("in the last third of its life", present))
    asked = program.argparse.Namespace(wait=True, begin=False, check=False)
    if content:
        assert program.attend({"names": []}, asked)["not_after"] == not_after
    else:
        with pytest.raises(program.CertificateError, match="the authority is down"):
            program.attend({"names": []}, asked)
