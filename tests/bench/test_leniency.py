"""Providers that turn nobody away for the pace of mail."""

from pathlib import Path

from bench.leniency import CONNECTIONS, write_lenient
from fleet.catalogue import Catalogue, Stage
from fleet.paths import project_root


def test_only_pace_is_lifted(tmp_path: Path) -> None:
    source = project_root() / "fleet" / "isps"
    write_lenient(source, tmp_path / "isps")
    real, lenient = Catalogue.load(source), Catalogue.load(tmp_path / "isps")
    assert real.isps.keys() == lenient.isps.keys()
    for name, isp in lenient.isps.items():
        limits = isp.limits_at(Stage.ESTABLISHED)
        assert limits.connections.value == CONNECTIONS
        assert limits.messages_per_minute is None
        assert isp.tls == real.isps[name].tls
        assert isp.mx_suffixes == real.isps[name].mx_suffixes
