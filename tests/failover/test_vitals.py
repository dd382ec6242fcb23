"""What a machine finds out about itself: queues, logs, disk, processors, certificate; and the file of it."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from failover.certificates import certificate_end, not_after
from failover.decide import QueueFigures, Vitals
from failover.errors import ConfigError
from failover.load import Loads
from failover.vitals.collect import Collector, Places
from failover.vitals.machine import cpu_pressure_percent, free_percent
from failover.vitals.maillog import WINDOW_SECONDS, Rate
from failover.vitals.queues import read_queue
from failover.vitals.reading import STALE_SECONDS, VitalsReader, parse_vitals

NOW = 1_770_000_000.0
TAKEN = "May  4 12:00:00 east-1 postfix-orders/cleanup[77]: 4Zb7Rk1pQYz3Kf: message-id=<1@shop.example>\n"
SENT = "May  4 12:00:01 east-1 postfix-orders/smtp[78]: 4Zb7Rk1pQYz3Kf: to=<a@b.example>, status=sent\n"


def put(spool: Path, queue: str, name: str, age_seconds: float, *, complete: bool = True) -> None:
    path = spool / queue / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("message")
    path.chmod(0o700 if complete else 0o600)
    os.utime(path, (NOW - age_seconds, NOW - age_seconds))


def test_all_parts_of_a_queue_are_counted_and_the_oldest_that_is_due_tells(tmp_path: Path) -> None:
    put(tmp_path, "deferred", "4/4Zb7Rk1pQYz3Kf", 9_000)
    put(tmp_path, "active", "4Zb7Rk1pQYz3Kg", 5_000)
    put(tmp_path, "incoming", "4Zb7Rk1pQYz3Kh", 700)
    put(tmp_path, "incoming", "4Zb7Rk1pQYz3Ki", 100)
    assert read_queue(tmp_path, NOW) == (4, 700)


def test_a_message_that_is_incomplete_or_not_due_is_not_stuck(tmp_path: Path) -> None:
    put(tmp_path, "incoming", "4Zb7Rk1pQYz3Kh", 700, complete=False)
    put(tmp_path, "incoming", "4Zb7Rk1pQYz3Ki", -500)
    assert read_queue(tmp_path, NOW) == (2, 0)


def test_a_machine_without_a_queue_has_none(tmp_path: Path) -> None:
    assert read_queue(tmp_path, NOW) == (0, 0)


def test_a_rate_is_known_after_a_whole_window_and_is_that_of_the_last_one(tmp_path: Path) -> None:
    log = tmp_path / "postfix-orders.log"
    log.write_text(TAKEN * 1000)  # before we looked: not ours to count
    rate = Rate(log)
    rate.look(0)
    with log.open("a") as file:
        file.write((TAKEN + SENT) * 50)
    rate.look(60)
    assert rate.messages_per_hour(60) is None
    for minute in range(2, 11):
        rate.look(60.0 * minute)
    assert rate.messages_per_hour(WINDOW_SECONDS) == 300
    rate.look(60.0 * 11)
    assert rate.messages_per_hour(11 * 60) == 0


def test_a_line_written_in_two_parts_and_a_new_log_are_counted_once(tmp_path: Path) -> None:
    log = tmp_path / "postfix-orders.log"
    log.write_text("")
    rate = Rate(log)
    rate.look(0)
    with log.open("a") as file:
        file.write(TAKEN[:60])
        file.flush()
        rate.look(60)
        file.write(TAKEN[60:])
    rate.look(120)
    log.rename(tmp_path / "postfix-orders.log.1")
    rate.look(180)
    log.write_text(TAKEN)
    rate.look(240)
    rate.look(600)
    assert rate.messages_per_hour(600) == 12


def test_free_space_is_a_share_of_the_scarcer_and_needs_a_file_system(tmp_path: Path) -> None:
    found = free_percent([tmp_path, tmp_path / "nowhere"])
    assert found is not None
    assert 0 <= found <= 100
    assert free_percent([tmp_path / "nowhere"]) is None


@pytest.mark.parametrize(
    ("said", "percent"),
    [
        ("some avg10=93.70 avg60=1.00 avg300=0.00 total=9\nfull avg10=0.00\n", 93),
        ("some avg10=100.00 avg60=1.00 avg300=0.00 total=9\n", 100),
        ("", None),
        ("nonsense", None),
    ],
)
def test_pressure_is_the_kernels_own_figure(tmp_path: Path, said: str, percent: int | None) -> None:
    (tmp_path / "cpu").write_text(said)
    assert cpu_pressure_percent(tmp_path / "cpu") == percent
    assert cpu_pressure_percent(tmp_path / "none") is None


def certificate(ends: datetime) -> x509.Certificate:
    return certificate_with_key(ends)[0]


def certificate_with_key(ends: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Of nine days, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx-east-1.fleet.example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(ends - timedelta(days=9)).not_valid_after(ends)
    return builder.sign(key, hashes.SHA256()), key


@pytest.mark.parametrize(
    "ends", [datetime(2026, 8, 1, 3, 4, 5), datetime(2051, 1, 2), datetime(1999, 12, 31)]
)
def test_the_end_of_a_certificate_is_read_as_others_read_it(tmp_path: Path, ends: datetime) -> None:
    made = certificate(ends)
    assert not_after(made.public_bytes(Encoding.DER)) == made.not_valid_after_utc.timestamp()
    chain = made.public_bytes(Encoding.PEM) + certificate(ends + timedelta(days=1)).public_bytes(Encoding.PEM)
    (tmp_path / "chain.pem").write_bytes(b"# ours\n" + chain)
    assert certificate_end(tmp_path / "chain.pem") == ends.replace(tzinfo=UTC).timestamp()


DER = certificate(datetime(2026, 8, 1)).public_bytes(Encoding.DER)


@given(st.integers(0, len(DER)), st.binary(max_size=40))
def test_a_damaged_certificate_is_refused_and_breaks_nothing(at: int, noise: bytes) -> None:
    damaged = DER[:at] + noise
    with suppress(ValueError):
        assert isinstance(not_after(damaged), float)


def test_no_certificate_no_end(tmp_path: Path) -> None:
    assert certificate_end(tmp_path / "none.pem") is None
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert certificate_end(tmp_path / "bad.pem") is None


class Machine:
    """A collector and a reader of its file, with clocks that the test moves."""

    def __init__(self, directory: Path) -> None:
        self.monotonic = 1000.0
        spools, logs = directory / "spool", directory / "log"
        (spools / "postfix-orders").mkdir(parents=True)
        self.spool = spools / "postfix-orders"
        (directory / "cpu").write_text("some avg10=12.00 avg60=1.00 avg300=0.00 total=9\n")
        (directory / "chain.pem").write_bytes(
            certificate(datetime.fromtimestamp(NOW + 7265, UTC)).public_bytes(Encoding.PEM)
        )
        places = Places(spools, logs, directory / "cpu", directory / "vitals.json")
        self.collector = Collector(places, lambda: NOW, lambda: self.monotonic)
        self.file = places.written
        self.reader = VitalsReader(self.file, lambda: self.monotonic, directory / "chain.pem", lambda: NOW)

    def look(self, lag_seconds: float = 0.0) -> Vitals | None:
        self.monotonic += 1.0
        self.reader.look(lag_seconds, 0.05)
        return self.reader.vitals


def test_what_is_collected_is_what_the_daemon_reads(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    put(machine.spool, "incoming", "4Zb7Rk1pQYz3Kh", 700)
    machine.collector.write(machine.collector.collect())
    vitals = machine.look()
    assert vitals is not None
    assert vitals._replace(disk_free_percent=50) == Vitals(
        50, 12, 0, 7260, {"orders": QueueFigures(1, 700, None)}
    )
    assert machine.reader.error is None


def test_old_figures_count_no_more_and_somebody_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.collector.write(machine.collector.collect())
    machine.monotonic += STALE_SECONDS
    assert machine.look() == Vitals(lag_milliseconds=0, certificate_seconds=7260)
    assert machine.reader.error == f"{machine.file}: nothing new for 31 s"


def test_a_missing_file_is_told_once_the_collector_has_had_its_time(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.look()
    assert machine.reader.error is None
    machine.monotonic += STALE_SECONDS
    machine.look()
    assert machine.reader.error == f"{machine.file}: cannot be read: No such file or directory"


def test_a_loop_that_always_runs_late_says_so_and_one_late_tick_says_little(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.look(lag_seconds=0.4) == Vitals(lag_milliseconds=20, certificate_seconds=7260)
    for _ in range(100):
        vitals = machine.look(lag_seconds=0.4)
    assert vitals is not None
    assert vitals.lag_milliseconds in (390, 400)


def test_a_machine_that_stood_still_is_not_starved_afterwards(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.monotonic += 60.0
    assert machine.look(lag_seconds=60.0) == Vitals(lag_milliseconds=30, certificate_seconds=7260)


GOOD: dict[str, Any] = {
    "monotonic": 5.0,
    "disk_free_percent": 9,
    "cpu_pressure_percent": None,
    "queues": {"orders": {"waiting": 1, "untaken_seconds": 2, "messages_per_hour": None}},
}


def test_a_good_file_is_read() -> None:
    assert parse_vitals(json.dumps(GOOD)) == (5.0, Vitals(9, queues={"orders": QueueFigures(1, 2)}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"monotonic": None},
        {"disk_free_percent": 101},
        {"queues": {"orders": {"waiting": 1}}},
        {"queues": {"orders": {"waiting": -1, "untaken_seconds": 2}}},
        {"queues": None},
        {"weather": "fine"},
    ],
)
def test_a_file_with_one_wrong_part_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        parse_vitals(json.dumps(GOOD | wrong))


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_vitals(text)


def test_a_pools_load_is_known_when_all_its_nodes_have_told_and_stays_while_one_is_silent() -> None:
    loads = Loads()
    members = {"orders": ["a", "b"], "news": ["a"]}
    loads.note(
        {"a": Vitals(queues={"orders": QueueFigures(0, 0, 100), "news": QueueFigures(0, 0, None)})}, 10
    )
    assert loads.messages_per_hour(members, 10) == {}
    loads.note({"b": Vitals(queues={"orders": QueueFigures(0, 0, 40)})}, 20)
    assert loads.messages_per_hour(members, 20) == {"orders": 140.0}
    assert loads.messages_per_hour(members, 3_610) == {"orders": 140.0}
    assert loads.messages_per_hour(members, 3_611) == {}
