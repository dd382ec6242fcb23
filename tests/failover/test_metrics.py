"""What `/metrics` says of a daemon, read back with Prometheus' own parser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from failover.api.metrics import _canaries
from failover.decide import Check
from failover.figures import Histogram
from tests.failover.api_stage import Stage, stage_in

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_in(tmp_path) as one:
        yield one


async def scrape(stage: Stage) -> Samples:
    reply = await stage.ask("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: Samples = {}
    for family in text_string_to_metric_families(reply.body.decode()):
        assert family.name.startswith("mtafleet_")
        assert family.documentation
        for sample in family.samples:
            assert not sample.name.endswith("_total") or family.type == "counter"
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"mtafleet_{name}", tuple(sorted(labels.items()))]


async def test_members_are_counted_by_state_and_fault(stage: Stage) -> None:
    stage.rig.see(True, Check.NOOP)
    samples = await scrape(stage)
    assert value(samples, "members", pool="orders", part="relay", state="in_service", fault="") == 2
    stage.rig.see(False, Check.NOOP, times=2)
    samples = await scrape(stage)
    assert value(samples, "members", pool="orders", part="relay", state="in_service", fault="") == 1
    assert value(samples, "members", pool="orders", part="relay", state="out", fault="gray") == 1
    assert value(samples, "member_in_service", pool="orders", node="west-1", part="relay") == 0
    assert value(samples, "member_weight_ratio", pool="orders", node="east-1", part="relay") == 1
    assert value(samples, "ejections_total", pool="orders", part="relay", fault="gray") == 1
    assert value(samples, "probes_total", check="noop", outcome="bad") == 2


async def test_what_the_kernel_refuses_is_counted(stage: Stage) -> None:
    """Of two members one has to stay."""
    stage.rig.see(False, Check.NOOP, times=2)
    stage.rig.see(False, Check.NOOP, node="east-1", times=2)
    samples = await scrape(stage)
    assert value(samples, "refusals_total", pool="orders", part="relay") == 1
    assert value(samples, "members", pool="orders", part="relay", state="kept", fault="gray") == 1


async def test_lease_store_heartbeats_and_orders_are_told(stage: Stage) -> None:
    await stage.rig.hold()
    samples = await scrape(stage)
    assert value(samples, "dns_lease_held") == value(samples, "dns_lease_holder", node="east-1") == 1
    assert value(samples, "dns_lease_epoch") == 1
    assert value(samples, "store_up") == value(samples, "daemon_up") == 1
    stage.rig.daemon.prober.heard_at["west-1"] = stage.rig.now - 1.5
    samples = await scrape(stage)
    assert value(samples, "heartbeat_age_seconds", node="west-1") == 1.5
    assert value(samples, "orders", kind="drain") == value(samples, "daemon_paused") == 0


async def test_latencies_and_lag_are_histograms_that_only_grow(stage: Stage) -> None:
    stage.rig.daemon.figures.answered([(Check.NOOP, 0.02), (Check.NOOP, 0.3), (Check.NOOP, 9.0)])
    stage.rig.daemon.figures.lag.observe(0.001)
    samples = await scrape(stage)
    by_bound = [
        value(samples, "probe_duration_seconds_bucket", check="noop", le=le) for le in ("0.05", "0.5", "2.0")
    ]
    assert by_bound == [1, 2, 2]
    assert value(samples, "probe_duration_seconds_bucket", check="noop", le="+Inf") == 3
    assert value(samples, "probe_duration_seconds_count", check="noop") == 3
    assert value(samples, "probe_duration_seconds_sum", check="noop") == pytest.approx(9.32)
    assert value(samples, "loop_lag_seconds_bucket", le="0.001") == 1


def test_what_became_of_canaries_is_counted_by_pool() -> None:
    one = {"sent": 5, "arrived": 3, "missed": 1, "refused": 2, "seconds": 0.4}
    never = dict.fromkeys(one, 0) | {"seconds": None}
    outcomes, seconds = _canaries({"orders": one, "news": never})
    found = {(sample.labels["pool"], sample.labels["outcome"]): sample.value for sample in outcomes.samples}
    assert found["orders", "arrived"] == 3
    assert found["orders", "missed"] == 1
    assert found["news", "sent"] == 0
    assert [(sample.labels["pool"], sample.value) for sample in seconds.samples] == [("orders", 0.4)]
    assert not list(_canaries({}))


async def test_requests_are_counted_by_route_and_status(stage: Stage) -> None:
    await stage.ask("GET", "/v1/explain?node=west-1")
    await stage.ask("GET", "/v1/explain", None)
    await stage.ask("GET", "/secret/place")
    samples = await scrape(stage)
    assert value(samples, "api_requests_total", method="GET", route="/v1/explain", code="200") == 1
    assert value(samples, "api_requests_total", method="", route="", code="401") == 1
    assert value(samples, "api_requests_total", method="", route="", code="404") == 1
    assert not any("secret" in str(key) for key in samples)


def test_a_histogram_counts_a_value_at_its_bound_below_it() -> None:
    one = Histogram((1.0, 2.0))
    for seconds in (1.0, 1.5, 2.0, 2.5):
        one.observe(seconds)
    assert one.describe() == {"buckets": [[1.0, 1], [2.0, 3]], "count": 4, "sum": 7.0}
