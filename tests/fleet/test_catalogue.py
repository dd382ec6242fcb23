"""The shipped catalogue is sound, matching is predictable, and mistakes in it are named."""
# ruff: noqa: E501 - a table reads best with few lines a row

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.catalogue import CATALOGUE_DIRECTORY, Catalogue, Isp, Stage
from fleet.problems import CatalogueError, Problem


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def test_the_isps_that_matter_are_there(catalogue: Catalogue) -> None:
    assert catalogue.isps.keys() >= {
        "google",
        "microsoft-consumer",
        "microsoft-365",
        "yahoo",
        "apple",
        "comcast",
        "orange",
        "free",
        "gmx",
        "default",
    }


@pytest.mark.parametrize(
    ("mx_host", "isp"),
    [
        ("gmail-smtp-in.l.google.com", "google"),
        ("ASPMX.L.GOOGLE.COM.", "google"),
        ("hotmail-com.olc.protection.outlook.com", "microsoft-consumer"),
        ("contoso-com.mail.protection.outlook.com", "microsoft-365"),
        ("contoso-com.a-v1.mx.microsoft", "microsoft-365"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("mx1a1.comcast.net", "comcast"),
        ("smtp-in.orange.fr", "orange"),
        ("mx1.free.fr", "free"),
        ("mx00.gmx.net", "gmx"),
        ("mx-ha02.web.de", "gmx"),
        ("mx1.mail.yahoo.co.jp", "yahoo-japan"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("mail.notgoogle.com", "default"),
        ("google.com.evil.example", "default"),
        ("", "default"),
    ],
)
def test_a_mail_exchanger_tells_its_isp(catalogue: Catalogue, mx_host: str, isp: str) -> None:
    assert catalogue.match(mx_host).isp == isp


def test_a_well_known_domain_tells_its_isp(catalogue: Catalogue) -> None:
    assert catalogue.match_domain("Gmail.com.").isp == "google"
    assert catalogue.match_domain("aol.com").isp == "yahoo"
    assert catalogue.match_domain("unheard-of.example").isp == "default"


@given(st.text(max_size=40))
def test_every_name_has_an_isp(name: str) -> None:
    assert CATALOGUE.match(name).isp in CATALOGUE.isps


@pytest.mark.parametrize("name", ["google", "microsoft-consumer", "microsoft-365"])
def test_fresh_addresses_stay_below_what_the_reactive_isps_punish(catalogue: Catalogue, name: str) -> None:
    per_minute = catalogue.isps[name].limits_at(Stage.FRESH).messages_per_minute
    assert per_minute is not None
    assert per_minute.value < 50


def test_fresh_addresses_are_bounded_everywhere(catalogue: Catalogue) -> None:
    for isp in catalogue.isps.values():
        assert isp.limits.fresh.messages_per_minute is not None, isp.isp
        assert isp.limits.fresh.messages_per_hour is not None, isp.isp


def test_every_source_is_used(catalogue: Catalogue) -> None:
    for isp in catalogue.isps.values():
        assert set(isp.sources) == set(_sources_named(isp)), isp.isp


def _sources_named(isp: Isp) -> list[str]:
    stages = [isp.limits_at(stage) for stage in Stage]
    figures = [getattr(group, key) for group in (*stages, isp.retry) for key in type(group).model_fields]
    rules = [name for rule in isp.replies for name in (rule.source, *(one.source for one in rule.samples))]
    figures += [rule.suspend_seconds for rule in isp.replies]
    return [isp.tls_source, *rules, *(figure.source for figure in figures if figure is not None)]


CATALOGUE = Catalogue.load()


@pytest.fixture
def spoil(tmp_path: Path) -> Callable[..., tuple[Problem, ...]]:
    """Replaces text in a copy of the catalogue and returns what is then said."""

    def spoil(file: str, old: str, new: str) -> tuple[Problem, ...]:
        directory = tmp_path / "isps"
        shutil.copytree(CATALOGUE_DIRECTORY, directory)
        path = directory / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(CatalogueError) as caught:
            Catalogue.load(directory)
        return caught.value.problems

    return spoil


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "what", "remedy"),
    [
        ("google.yaml", "tls: required", "tls: demanded", "tls", "not a choice", "Known here: `required`"),
        ("google.yaml", "isp: google", "isp: gogle", "isp", "the file is called `google.yaml`", "Write `google`"),
        ("google.yaml", ".google.com,", "google.com,", "mx_suffixes[0]", "end of a host name", "with its first dot"),
        ("google.yaml", "value: 5, source: kumomta}", "value: 0, source: kumomta}",
         "limits.warming.connections.value", "below the least allowed", "at least 1"),
        ("google.yaml", "value: 5, source: kumomta}", "value: 5, source: kumo}",
         "limits.warming.connections.source", "no source `kumo`", "Did you mean `kumomta`?"),
        ("google.yaml", "value: 5, source: kumomta}", "value: 5}",
         "limits.warming.connections.source", "missing", "Add `source:`"),
        ("google.yaml", "value: 5, source: kumomta}", "value: 6, source: kumomta}",
         "limits.established.connections", "allowed less", "Lower the figure"),
        ("google.yaml", "first_seconds: {value: 1800", "first_seconds: {value: 18000", "retry.first_seconds",
         "longer than the longest", "Exchange"),
        ("google.yaml", "read: 2026-11-23", "read: lately", "sources.kumomta.read", "not a date", "2025-03-03"),
        ("orange.yaml", ".wanadoo.fr]", ".gmx.net]", "mx_suffixes[1]", "belongs to `gmx`", "one place"),
        ("default.yaml", "mx_suffixes: []", "mx_suffixes: [.example]", "mx_suffixes", "the default has no suffixes", "MX"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_catalogue_is_named(
    spoil: Callable[..., tuple[Problem, ...]], file: str, old: str, new: str, key: str, what: str, remedy: str
) -> None:
    problems = spoil(file, old, new)
    said = [one for one in problems if what in one.what and one.key == key]
    assert said, [str(one) for one in problems]
    assert said[0].file.endswith(file)
    assert said[0].line > 0
    assert remedy in said[0].remedy


def test_a_catalogue_without_default_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no entry `default`"):
        Catalogue.load(tmp_path)
