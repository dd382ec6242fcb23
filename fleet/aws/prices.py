"""List prices of AWS, from a dated table."""

from datetime import date
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from fleet.errors import MtafleetError

TABLE = Path(__file__).parent / "prices.yaml"


class PriceError(MtafleetError):
    """The table has no price for what a fleet uses."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slice(_Row):
    """What a gigabyte costs up to an amount in a month; None: without end."""

    up_to_gigabytes: float | None
    gigabyte: float


class HealthCheckPrice(_Row):
    """A check, and each of its extra features."""

    month: float
    feature_month: float


class RegionPrices(_Row):
    """What depends on the region."""

    disk_gigabyte_month: float
    instance_hour: dict[str, float]


class Prices(_Row):
    """The table; amounts are US dollars."""

    read: date
    sources: list[str]
    hours_per_month: float
    public_address_hour: float
    key_month: float
    hosted_zone_month: float
    health_check: HealthCheckPrice
    data_out: list[Slice]
    regions: dict[str, RegionPrices]

    def region(self, code: str) -> RegionPrices:
        """The prices of an AWS region; PriceError when the table lacks it."""
        if code not in self.regions:
            raise PriceError(
                f"there are no prices for {code}: add them to fleet/aws/prices.yaml "
                f"(known: {', '.join(self.regions)})"
            )
        return self.regions[code]

    def machine_month(self, code: str, instance_type: str) -> float:
        """One machine for a month; PriceError when the table lacks its type."""
        hourly = self.region(code).instance_hour
        if instance_type not in hourly:
            raise PriceError(
                f"there is no price for {instance_type} in {code}: add it to fleet/aws/prices.yaml"
            )
        return hourly[instance_type] * self.hours_per_month

    def data_out_month(self, gigabytes: float) -> float:
        """So much to the internet in a month from one region, slice by slice."""
        total, from_ = 0.0, 0.0
        for one in self.data_out:
            until = gigabytes if one.up_to_gigabytes is None else min(gigabytes, one.up_to_gigabytes)
            total += max(until - from_, 0.0) * one.gigabyte
            from_ = max(until, from_)
        return total


@cache
def price_table() -> Prices:
    """The table that comes with this version."""
    return Prices.model_validate(yaml.safe_load(TABLE.read_text()))
