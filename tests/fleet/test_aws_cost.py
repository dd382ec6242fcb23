"""What a fleet on AWS costs: sums that add up, by a table that says how old it is."""

import json
from datetime import date

import pytest
from click.testing import CliRunner

from cli.cost import CostError, cost
from fleet.aws.cost import monthly_cost
from fleet.aws.machines import instance_types
from fleet.aws.prices import PriceError, Prices, price_table
from fleet.spec.load import load_environment

AS_OF = date(2026, 11, 23)
ROUND = Prices.model_validate(
    {
        "read": "2026-01-01",
        "sources": ["a table"],
        "hours_per_month": 100,
        "public_address_hour": 0.01,
        "key_month": 1,
        "hosted_zone_month": 2,
        "health_check": {"month": 3, "feature_month": 4},
        "data_out": [{"up_to_gigabytes": 10, "gigabyte": 1}, {"up_to_gigabytes": None, "gigabyte": 0.5}],
        "regions": {
            region: {"disk_gigabyte_month": 0.1, "instance_hour": {"t3.small": 1, "c6i.large": 2}}
            for region in ("us-east-1", "eu-west-1", "us-east-2")
        },
    }
)


def test_a_bill_can_be_worked_out_by_hand() -> None:
    """Two mail servers and a witness at 1 dollar an hour, 7 addresses, 10 checks, 3 zones."""
    dev = load_environment("dev", AS_OF)
    found = monthly_cost(dev, messages=1_000_000, message_bytes=20_000, prices=ROUND)
    assert found.by_kind() == pytest.approx(
        {
            "machines": 3 * 100,
            "disks": 0.1 * (3 * 16 + 2 * 8),
            "addresses": 7 * 100 * 0.01,
            "keys": 3 * 1,
            "data out": 2 * (10 * 1 + 0.5 * 0.5),
            "DNS and health checks": 3 * 2 + 10 * 3 + 2 * 2 * 4,
        }
    )
    assert found.per_thousand(found.dollars, found.messages) == pytest.approx(found.dollars / 1000)


def test_regions_and_pools_share_out_the_whole_bill() -> None:
    found = monthly_cost(load_environment("production", AS_OF), 100_000_000, 50_000)
    assert sum(found.by_site().values()) == pytest.approx(found.dollars)
    assert sum(found.by_pool.values()) == pytest.approx(found.dollars)
    assert sum(found.pool_messages.values()) == pytest.approx(100_000_000)
    assert set(found.by_site()) == {"virginia", "ireland", "oregon", "ohio", "everywhere"}


def test_more_messages_cost_more_in_all_and_less_each() -> None:
    staging = load_environment("staging", AS_OF)
    few, many = monthly_cost(staging, 1_000_000, 50_000), monthly_cost(staging, 20_000_000, 50_000)
    assert many.dollars > few.dollars
    assert many.per_thousand(many.dollars, many.messages) < few.per_thousand(few.dollars, few.messages)


def test_data_is_priced_slice_by_slice() -> None:
    assert ROUND.data_out_month(0) == 0
    assert ROUND.data_out_month(10) == pytest.approx(10)
    assert ROUND.data_out_month(30) == pytest.approx(20)


def test_a_missing_price_is_named() -> None:
    with pytest.raises(PriceError, match="no prices for ap-south-1"):
        ROUND.region("ap-south-1")
    with pytest.raises(PriceError, match=r"no price for m6i.large in us-east-1"):
        ROUND.machine_month("us-east-1", "m6i.large")


def test_every_known_instance_type_has_a_price_in_every_region() -> None:
    for code, region in price_table().regions.items():
        assert set(region.instance_hour) == set(instance_types()), code


def test_the_command_says_what_its_figures_are() -> None:
    result = CliRunner().invoke(cost, ["-e", "production", "--volume", "100000000"])
    assert result.exit_code == 0
    assert f"List prices on demand as of {price_table().read.isoformat()}" in result.output
    assert "Amazon Route 53 pricing" in result.output
    for word in ("virginia", "transactional", "data out", "US$ per 1,000"):
        assert word in result.output


def test_the_result_comes_as_data_too() -> None:
    result = CliRunner().invoke(cost, ["-e", "dev", "--volume", "100000", "--json"])
    found = json.loads(result.output)
    assert found["dollars_per_thousand_messages"] == pytest.approx(
        found["dollars_per_month"] / 100, abs=0.001
    )
    assert set(found["by_pool"]) == {"transactional", "marketing"}


def test_a_lab_has_no_list_price() -> None:
    result = CliRunner().invoke(cost, ["-e", "lab", "--volume", "1"])
    assert isinstance(result.exception, CostError)
