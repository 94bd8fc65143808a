"""What Prometheus is told of a service when it asks. Owns the gauges of the moment; counters are ``meters``'."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from calibrant.runtime.process import ServiceProcess


class ServiceCollector(Collector):
    """Turns what a service knows of itself into metrics; asks neither the log nor the database.

    Parameters
    ----------
    process : ServiceProcess
        The service.
    """

    def __init__(self, process: ServiceProcess) -> None:
        self._process = process

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics as they are now."""
        yield from self._state()
        yield from self._waiting()
        yield from self._process.health.meters.collect(self._process.name)

    def _state(self) -> Iterable[Metric]:
        process, health = self._process, self._process.health
        records = CounterMetricFamily(
            "calibrant_records", "Records by what became of them", labels=["service", "what"]
        )
        for what, count in health.counts.items():
            records.add_metric([process.name, what], count)
        yield records
        yield self._one("calibrant_ready", "1 if the service takes on work now", float(health.ready))
        troubles = dict.fromkeys(health.troubles, 1.0)
        yield self._by("calibrant_trouble", "1 for a part that does not work now", "part", troubles)
        yield self._one("calibrant_in_hand", "Records fetched and not dealt with", process.in_hand)
        slots = process.platform.workers.slots if process.spec.handlers.jobs else 0
        yield self._one("calibrant_worker_slots", "Jobs that can be computed at the same time", slots)

    def _waiting(self) -> Iterable[Metric]:
        found = self._process.backlog.waiting
        if not found.looked_s:
            return
        yield self._by(
            "calibrant_consumer_lag_records", "Records of a topic not dealt with yet", "topic", found.lag
        )
        yield self._one("calibrant_outbox_rows", "Events committed and not sent yet", found.outbox_rows)
        oldest_s = found.outbox_oldest_s
        age_s = 0.0 if oldest_s is None else max(time.time() - oldest_s, 0.0)
        yield self._one("calibrant_outbox_oldest_seconds", "Age of the oldest event not sent yet", age_s)
        yield self._one(
            "calibrant_dead_letters_open", "Dead letters that nobody has dealt with", found.dead_letters
        )
        yield self._one(
            "calibrant_backlog_looked_timestamp_seconds",
            "When lag, outbox and open dead letters were looked at, in Unix time",
            found.looked_s,
        )

    def _one(self, name: str, explanation: str, value: float) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(name, explanation, labels=["service"])
        gauge.add_metric([self._process.name], value)
        return gauge

    def _by(self, name: str, explanation: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(name, explanation, labels=["service", label])
        for of, value in values.items():
            gauge.add_metric([self._process.name, of], value)
        return gauge
