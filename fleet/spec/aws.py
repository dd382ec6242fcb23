"""What only a fleet on AWS has: account, places, machines, limits that AWS has granted."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fleet.spec.base import Domain, Label, Mailbox, Strict

REGION_PATTERN = r"^[a-z]{2}(-[a-z]+)+-[1-9]$"
ZONE_PATTERN = r"^[a-z]{2}(-[a-z]+)+-[1-9][a-z]$"
ACCOUNT_PATTERN = r"^[0-9]{12}$"
ALLOCATION_PATTERN = r"^eipalloc-[0-9a-f]{8,17}$"
HOSTED_ZONE_PATTERN = r"^Z[A-Z0-9]{3,31}$"
BUCKET_PATTERN = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
INSTANCE_TYPE_PATTERN = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"

RegionCode = Annotated[str, StringConstraints(pattern=REGION_PATTERN)]
ZoneCode = Annotated[str, StringConstraints(pattern=ZONE_PATTERN)]
InstanceType = Annotated[str, StringConstraints(pattern=INSTANCE_TYPE_PATTERN)]
AllocationId = Annotated[str, StringConstraints(pattern=ALLOCATION_PATTERN)]
HostedZoneId = Annotated[str, StringConstraints(pattern=HOSTED_ZONE_PATTERN)]


class AwsPlace(Strict):
    """Where on AWS a site lies.

    The site's network is cut into equal halves, one for each availability zone in the order given: a
    machine's zone follows from its address.
    """

    region: RegionCode
    """The AWS region's code."""
    zones: Annotated[list[ZoneCode], Field(min_length=2, max_length=2)]
    """Two availability zones of it: the first has the lower half of the network. Add no third, swap none."""
    existing: dict[IPv4Address, AllocationId] = Field(default={})
    """Elastic IPs that the account already has, by the private address they shall stand for: they are
    taken over, reputation included, instead of new ones."""
    moved: dict[IPv4Address, IPv4Address] = Field(default={})
    """Private addresses that changed, new to old: the Elastic IP moves along instead of being replaced.
    An entry may go once it has been applied."""


class Evidence(Strict):
    """The bucket that keeps the evidence of drills: versioned, and locked against change."""

    bucket: Annotated[str, StringConstraints(pattern=BUCKET_PATTERN)]
    """Its name, unique in all of AWS."""
    site: Label
    """The fleet's region that holds it."""
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 400
    """How long an object cannot be changed or deleted by anyone."""


class Checks(Strict):
    """Health checks of Route 53: the node's own port, and what other sites say of it."""

    views: Annotated[int, Field(ge=1, le=10)] = 2
    """How many machines of other sites are asked about each node."""
    agreeing: Annotated[int, Field(ge=1, le=10)] = 1
    """How many of them must vouch for it."""
    interval_seconds: Literal[10, 30] = 30
    """Time between two checks from one of Route 53's vantage points; 10 costs more."""
    failures: Annotated[int, Field(ge=1, le=10)] = 3
    """Failed checks in a row before a check counts as failed."""
    checkers: list[IPv4Network] = Field(default=[])
    """Where Route 53's checkers ask from; empty: the dated list that comes with the project."""


class Quotas(Strict):
    """What AWS has granted the account; the defaults are those of a new account.

    Ask for more under Service Quotas, then write the granted figures here.
    """

    elastic_ips: Annotated[int, Field(ge=1)] = 5
    """Elastic IPs in each region (L-0263D0A3)."""
    vcpus: Annotated[int, Field(ge=1)] = 5
    """vCPUs of standard on-demand instances in each region (L-1216C47A)."""
    health_checks: Annotated[int, Field(ge=1)] = 200
    """Route 53 health checks in the whole account."""


class Aws(Strict):
    """The account and the machines."""

    account: Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN)]
    """The account's number, in quotes: providers refuse to work in any other."""
    instance_type: InstanceType
    """What mail servers run on; it limits how many addresses a node can bear."""
    witness_instance_type: InstanceType = "t3.small"
    """What the witness runs on."""
    root_gigabytes: Annotated[int, Field(ge=8, le=1024)] = 16
    """Size of each machine's system disk."""
    spool_gigabytes: Annotated[int, Field(ge=8, le=16_384)] = 50
    """Size of each mail server's queue volume, which outlives the machine."""
    operator_networks: list[IPv4Network] = Field(default=[])
    """Where SSH may come from; empty: nowhere, operators come through Session Manager."""
    alarm_address: Mailbox
    """Where alarms and budget warnings go; it must confirm a message from AWS once per region."""
    monthly_budget_dollars: Annotated[int, Field(ge=1)] | None = None
    """Warn at 80 % of this much forecast, and at all of it spent; left out: no budget."""
    evidence: Evidence
    """Where evidence of drills is kept."""
    checks: Checks = Checks()
    """Route 53 health checks."""
    quotas: Quotas = Quotas()
    """What AWS has granted."""
    existing_zones: dict[Domain, HostedZoneId] = Field(default={})
    """Hosted zones that the account already has, by domain: they are taken over with what is in them."""
