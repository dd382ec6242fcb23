"""The daemon's status and the API's own counts as Prometheus metrics.

Names as Prometheus advises: base units, `_total` for what only grows.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # each counter's birth as one more gauge helps nobody
Json = Mapping[str, Any]
REQUEST_BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Meter:
    """What the API counts of itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "mtafleet_api_requests",
            "Requests to this API by method, route (empty: none) and status.",
            ["method", "route", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "mtafleet_api_request_duration_seconds",
            "How long requests took to be answered.",
            buckets=REQUEST_BOUNDS_SECONDS,
            registry=self.registry,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.observe(seconds)


class _OfDaemon(Collector):
    def __init__(self, status: Json | None) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        return families(self._status)


def render(status: Json | None, meter: Meter) -> bytes:
    """The text format, version 0.0.4; `status` None: the daemon cannot be asked."""
    registry = CollectorRegistry()
    registry.register(_OfDaemon(status))
    return generate_latest(registry) + generate_latest(meter.registry)


def families(status: Json | None) -> Iterator[Metric]:
    """The daemon's metrics."""
    yield _gauge("daemon_up", "Whether the failover daemon of this node answers.", float(status is not None))
    if status is None:
        return
    yield _gauge("daemon_uptime_seconds", "Since the daemon started.", status["uptime_seconds"])
    yield _gauge("daemon_in_doubt", "Whether failures seen now do not count.", float(bool(status["doubt"])))
    maintenance = status["maintenance"]
    yield _gauge("daemon_paused", "Whether it acts on nothing, by order.", float(bool(maintenance["pause"])))
    yield from _members(status["pools"])
    yield from _heartbeats(status)
    yield from _orders(maintenance)
    if status.get("haproxy") is not None:
        up = float(not status["haproxy"]["error"])
        yield _gauge("haproxy_up", "Whether this node's HAProxy takes orders.", up)
    yield from _dns(status.get("dns") or {})
    yield from _canaries(status.get("canaries") or {})
    yield from _figures(status.get("figures") or {})


def _canaries(canaries: Json) -> Iterator[Metric]:
    """Messages by which this node tries its instances."""
    if not canaries:
        return
    outcomes = CounterMetricFamily(
        "mtafleet_canaries",
        "Messages by which this node tries its instances: taken, arrived, not arrived in time, refused.",
        labels=["pool", "outcome"],
    )
    seconds = GaugeMetricFamily(
        "mtafleet_canary_seconds", "How long the last that arrived was under way.", labels=["pool"]
    )
    for pool, one in canaries.items():
        for outcome in ("sent", "arrived", "missed", "refused"):
            outcomes.add_metric([pool, outcome], one[outcome])
        if one["seconds"] is not None:
            seconds.add_metric([pool], one["seconds"])
    yield from (outcomes, seconds)


def _members(pools: Json) -> Iterator[Metric]:
    """A member is one node's part in one pool: its instance (`relay`), or its entry (`entry`)."""
    standings = [
        (pool, node, part, one)
        for pool, nodes in pools.items()
        for node, parts in nodes.items()
        for part, one in parts.items()
    ]
    states = GaugeMetricFamily(
        "mtafleet_members",
        "Members by pool, part, state and what is wrong with them.",
        labels=["pool", "part", "state", "fault"],
    )
    tally = Tally((pool, part, _state(one), one["fault"] or "") for pool, _, part, one in standings)
    for labels, count in sorted(tally.items()):
        states.add_metric(labels, count)
    serving = GaugeMetricFamily(
        "mtafleet_member_in_service", "Whether a member is in service.", labels=["pool", "node", "part"]
    )
    weights = GaugeMetricFamily(
        "mtafleet_member_weight_ratio",
        "The share of its weight that a member gets.",
        labels=["pool", "node", "part"],
    )
    for pool, node, part, one in standings:
        serving.add_metric([pool, node, part], float(one["in_service"]))
        weights.add_metric([pool, node, part], one["weight_percent"] / 100)
    yield from (states, serving, weights)


def _state(standing: Json) -> str:
    if not standing["in_service"]:
        return "out"
    return "in_service" if standing["healthy"] and not standing["ordered_out"] else "kept"


def _heartbeats(status: Json) -> Iterator[Metric]:
    age = GaugeMetricFamily("mtafleet_heartbeat_age_seconds", "Since a node was last heard.", labels=["node"])
    silent = GaugeMetricFamily("mtafleet_node_silent", "Whether a node counts as silent.", labels=["node"])
    for node, one in status["nodes"].items():
        age.add_metric([node], max(0.0, one["heard_seconds_ago"]))
        silent.add_metric([node], float(one["silent"]))
    yield from (age, silent)


def _orders(maintenance: Json) -> Iterator[Metric]:
    orders = GaugeMetricFamily("mtafleet_orders", "Orders of people in force, by kind.", labels=["kind"])
    orders.add_metric(["drain"], len(maintenance["orders"]))
    orders.add_metric(["override"], len(maintenance["overrides"]))
    orders.add_metric(["pause"], float(bool(maintenance["pause"])))
    yield orders


def _dns(dns: Json) -> Iterator[Metric]:
    if lease := dns.get("lease"):
        failing = lease["failing_seconds"]
        yield _gauge("store_up", "Whether the fleet's shared store answers.", float(failing is None))
        yield _gauge("store_failing_seconds", "Since when it does not; 0 while it does.", failing or 0.0)
        yield _gauge("dns_lease_held", "Whether this node may write DNS now.", float(lease["held"]))
        yield _gauge("dns_lease_epoch", "The epoch of the lease as the store said last.", lease["epoch"])
        holder = GaugeMetricFamily(
            "mtafleet_dns_lease_holder", "Who holds the lease on DNS as the store said last.", labels=["node"]
        )
        holder.add_metric([lease["holder"]], 1)
        yield holder
    primaries = dns.get("primaries") or {}
    if primaries:
        yield from _primaries(primaries)


def _primaries(primaries: Json) -> Iterator[Metric]:
    up = GaugeMetricFamily("mtafleet_dns_primary_up", "Whether a primary answers.", labels=["primary"])
    epoch = GaugeMetricFamily("mtafleet_dns_zone_epoch", "The epoch that its zone holds.", labels=["primary"])
    written = CounterMetricFamily(
        "mtafleet_dns_updates", "Updates of this node that a primary took.", labels=["primary"]
    )
    failed = CounterMetricFamily(
        "mtafleet_dns_failures",
        "Times that a primary could not be asked or written, or was changed by another.",
        labels=["primary"],
    )
    for name, one in primaries.items():
        up.add_metric([name], float(not one["error"]))
        if one["epoch"] is not None:
            epoch.add_metric([name], one["epoch"])
        written.add_metric([name], one.get("updates", 0))
        failed.add_metric([name], one.get("failures", 0))
    yield from (up, epoch, written, failed)


def _figures(figures: Json) -> Iterator[Metric]:
    if not figures:
        return
    yield _counter("decisions", "Decisions since the start.", figures["decisions"])
    changes = CounterMetricFamily(
        "mtafleet_changes", "What decisions changed.", labels=["kind", "pool", "part", "fault"]
    )
    ejections = CounterMetricFamily(
        "mtafleet_ejections", "Members taken out of service.", labels=["pool", "part", "fault"]
    )
    refusals = CounterMetricFamily(
        "mtafleet_refusals",
        "Wishes that a member leave, refused by the safety kernel.",
        labels=["pool", "part"],
    )
    refused: Tally[tuple[str, str]] = Tally()
    for one in figures["changes"]:
        place = (one["pool"], one["scope"])
        changes.add_metric([one["kind"], *place, one["fault"]], one["count"])
        if one["kind"] == "down" and one["scope"] in ("relay", "entry"):
            ejections.add_metric([*place, one["fault"]], one["count"])
        if one["kind"] == "held":
            refused[place] += one["count"]
    for place, count in refused.items():
        refusals.add_metric(place, count)
    probes = CounterMetricFamily(
        "mtafleet_probes", "Probes that ended, by check and outcome.", labels=["check", "outcome"]
    )
    for one in figures["probes"]:
        probes.add_metric([one["check"], "good" if one["good"] else "bad"], one["count"])
    seconds = HistogramMetricFamily(
        "mtafleet_probe_duration_seconds",
        "How long probes took to be answered, to the tick of 50 ms before.",
        labels=["check"],
    )
    for check, found in figures["probe_seconds"].items():
        seconds.add_metric([check], *_buckets(found))
    lag = HistogramMetricFamily("mtafleet_loop_lag_seconds", "How late the daemon's own ticks were.")
    lag.add_metric([], *_buckets(figures["lag_seconds"]))
    yield from (changes, ejections, refusals, probes, seconds, lag)


def _buckets(found: Json) -> tuple[list[tuple[str, float]], float]:
    pairs = [(str(float(bound)), float(count)) for bound, count in found["buckets"]]
    return [*pairs, ("+Inf", float(found["count"]))], found["sum"]


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mtafleet_{name}", says, value=value)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"mtafleet_{name}", says, value=value)
