"""A fleet on AWS: every mistake gets one clear message, and what holds of the good file holds."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from fleet.aws.layout import views_of, zone_index
from fleet.invariants import INVARIANTS, capacity_by_region, health_checks, largest_region
from fleet.problems import SpecError
from fleet.spec.load import load_environment
from tests.fleet.mistakes import Mistake
from tests.fleet.mistakes_aws import MISTAKES

ENVIRONMENTS = Path(__file__).parents[2] / "environments"
STAGING_TEXT = (ENVIRONMENTS / "staging.yaml").read_text()
AS_OF = date(2026, 11, 23)

Write = Callable[[str | bytes], Path]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_named_with_its_line_and_remedy(mistake: Mistake, write: Write) -> None:
    assert mistake.old in STAGING_TEXT
    text = STAGING_TEXT.replace(mistake.old, mistake.new, 1)
    path = write(text)
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if mistake.at in line]

    with pytest.raises(SpecError) as caught:
        load_environment(path, AS_OF)
    problems = caught.value.problems

    said = [one for one in problems if mistake.what in one.what and one.key == mistake.key]
    assert said, [str(one) for one in problems]
    assert said[0].line == lines[mistake.nth - 1]
    assert mistake.remedy in said[0].remedy


@pytest.mark.parametrize("name", ["dev", "staging", "production"])
def test_the_shipped_environments_are_sound(name: str) -> None:
    assert load_environment(name, AS_OF).substrate == "aws"


def test_an_aws_place_in_a_lab_is_refused(write: Write) -> None:
    text = (ENVIRONMENTS / "lab.yaml").read_text()
    path = write(
        text.replace(
            "    network: 198.51.100.0/24\n",
            "    network: 198.51.100.0/24\n    aws: {region: us-east-1, zones: [us-east-1a, us-east-1b]}\n",
        ).replace("    mta_sts: testing\n  news", "    hosting: elsewhere\n  news")
    )
    with pytest.raises(SpecError) as caught:
        load_environment(path)
    assert [one.key for one in caught.value.problems] == ["regions.east.aws", "domains.shop.example.hosting"]


def test_capacity_follows_how_long_addresses_have_been_sending() -> None:
    staging = load_environment("staging", AS_OF)
    assert capacity_by_region(staging, "transactional", AS_OF) == {"virginia": 40_000, "ireland": 40_000}
    assert capacity_by_region(staging, "transactional", date(2025, 3, 4)) == {"virginia": 80, "ireland": 80}
    assert capacity_by_region(staging, "transactional", date(2025, 3, 20))["ireland"] == 8_000


def test_the_largest_region_is_the_one_whose_loss_costs_most(write: Write) -> None:
    path = write(STAGING_TEXT.replace("ireland-2: [10.21.8.21, 10.21.8.22]", "ireland-2: [10.21.8.21]"))
    with pytest.raises(SpecError):
        load_environment(path, AS_OF)
    path = write(path.read_text().replace("peak_messages_per_hour: 40_000", "peak_messages_per_hour: 30_000"))
    environment = load_environment(path, AS_OF)
    assert largest_region(environment, "transactional", AS_OF) == ("virginia", 40_000, 30_000)


def test_every_invariant_has_a_name_of_its_own() -> None:
    names = [one.name for one in INVARIANTS]
    assert len(names) == len(set(names))


def test_health_checks_are_counted() -> None:
    assert health_checks(load_environment("staging", AS_OF)) == 4 * (1 + 2 + 1 + 1)
    assert health_checks(load_environment("lab")) == 0


def test_a_zone_follows_from_the_address() -> None:
    staging = load_environment("staging", AS_OF)
    region = staging.regions["virginia"]
    assert [zone_index(region.network, node.address) for node in region.nodes.values()] == [0, 1]


def test_views_come_from_other_sites_and_stay_when_nodes_are_added() -> None:
    production = load_environment("production", AS_OF)
    before = views_of(production, "virginia", "virginia-1", 3)
    assert len(set(before)) == 3
    assert {one.partition("-")[0] for one in before} == {"witness", "ireland", "oregon"}
    ireland = production.regions["ireland"]
    nodes = {**ireland.nodes, "ireland-3": ireland.nodes["ireland-2"]}
    more = ireland.model_copy(update={"nodes": nodes})
    grown = production.model_copy(update={"regions": {**production.regions, "ireland": more}})
    after = views_of(grown, "virginia", "virginia-1", 3)
    assert [one for one in after if one not in before] in ([], ["ireland-3"])
    assert views_of(grown, "ireland", "ireland-1", 3) == views_of(production, "ireland", "ireland-1", 3)
