"""What a service counts and times as it works, for Prometheus.

Owns names, units, help and buckets. Every label has few values: types and recipes that exist, outcomes, kinds of
error; never an identifier. The collector adds which service it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric

from calibrant.contracts.base import Message

EVENT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
JOB_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
RECIPES = 32
"""Recipes told apart; a job may name anything, and what comes after these is ``other``."""


class Meters:
    """Counters, gauges and histograms of one service; every method may be called from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._recipes: set[str] = set()
        self._events: dict[str, Histogram] = {}
        self._event_seconds = Histogram(
            "calibrant_event_seconds",
            "Seconds that a handler takes for an event, the commit not included",
            ["message"],
            buckets=EVENT_BUCKETS_S,
            registry=self._registry,
        )
        self._job_seconds = Histogram(
            "calibrant_job_seconds",
            "Seconds of an attempt at a job, from its claim to its commit, or to its failure",
            ["message", "recipe", "outcome"],
            buckets=JOB_BUCKETS_S,
            registry=self._registry,
        )
        self._attempts = self._counter(
            "calibrant_attempts", "Attempts at jobs by how they ended", "message", "outcome"
        )
        self._pixels = self._counter(
            "calibrant_pixels_read", "Pixels that jobs read and that led to a result", "message", "recipe"
        )
        self._dead = self._counter("calibrant_dead_letters", "Dead letters made, by kind of error", "error")
        self._in_flight = Gauge(
            "calibrant_jobs_in_flight", "Jobs claimed and not ended", registry=self._registry
        )
        self._states: dict[str, str] = {}
        self._state = Gauge(
            "calibrant_component_state",
            "1 for the summary state that a commandable component is in",
            ["component", "state"],
            registry=self._registry,
        )

    def event(self, message_type: str) -> AbstractContextManager[None]:
        """Time the handling of a short event, until the block ends."""
        histogram = self._events.get(message_type)
        if histogram is None:
            histogram = self._events[message_type] = self._event_seconds.labels(_short(message_type))
        return _Timed(histogram)

    @contextmanager
    def attempt(self, job: Message, outcome_of: Callable[[BaseException], str]) -> Iterator[None]:
        """Time an attempt at a job until the block ends, and count how it ended: ``done``, or what the error says."""
        begun_s, outcome = time.perf_counter(), "done"
        self._in_flight.inc()
        try:
            yield
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._in_flight.dec()
            message, recipe = _short(job.message_type), self._recipe_of(job)
            self._job_seconds.labels(message, recipe, outcome).observe(time.perf_counter() - begun_s)
            self._attempts.labels(message, outcome).inc()

    def interrupted(self, job: Message, attempts: int) -> None:
        """Count attempts whose process ended without a word, when they are found."""
        if attempts:
            self._attempts.labels(_short(job.message_type), "interrupted").inc(attempts)

    def pixels(self, job: Message, count: int) -> None:
        """Count the pixels that a job read."""
        if count:
            self._pixels.labels(_short(job.message_type), self._recipe_of(job)).inc(count)

    def dead_letter(self, error: str) -> None:
        """Count a dead letter: permanent, poison, exhausted or fault."""
        self._dead.labels(error).inc()

    def component(self, name: str, state: str) -> None:
        """Say in which summary state a commandable component is."""
        before = self._states.get(name)
        if before is not None and before != state:
            self._state.labels(name, before).set(0)
        self._states[name] = state
        self._state.labels(name, state).set(1)

    def collect(self, service: str) -> Iterable[Metric]:
        """Return what was counted, with the service's name on every sample."""
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={"service": service, **sample.labels})
                for sample in metric.samples
                if not sample.name.endswith("_created")
            ]
            yield metric

    def _counter(self, name: str, explanation: str, *labels: str) -> Counter:
        return Counter(name, explanation, labels, registry=self._registry)

    def _recipe_of(self, job: Message) -> str:
        recipe = str(getattr(job, "recipe", "") or getattr(job, "kind", ""))
        if recipe not in self._recipes:
            if len(self._recipes) >= RECIPES:
                return "other"
            self._recipes.add(recipe)
        return recipe


class _Timed:
    """Lets a histogram see the seconds that a block takes."""

    __slots__ = ("_begun_s", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def __enter__(self) -> None:
        self._begun_s = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._histogram.observe(time.perf_counter() - self._begun_s)


def _short(message_type: str) -> str:
    return message_type.rpartition(".")[2]
