"""The operators' port: probes and metrics of the services of one process, without credentials.

Owns the paths ``/startup``, ``/live``, ``/ready`` and ``/metrics``, which answer from the first moment on. Probes mean
different things: started once; not broken; takes on work now. They need no thread: those of the API may all be waiting
for a database. Must not show what a service keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from calibrant.runtime.access.door import Door
from calibrant.runtime.health import Phase
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.telemetry.collector import ServiceCollector


@dataclass(slots=True)
class Watch:
    """The services of one process: how many there will be, and those that are built.

    Parameters
    ----------
    expected : int
        How many services the process will have.
    processes : dict
        Those that are built, by name.
    doors : dict
        Who is let in over HTTP, by name of the app.
    """

    expected: int
    processes: dict[str, ServiceProcess] = field(default_factory=dict)
    doors: dict[str, Door] = field(default_factory=dict)

    def add(self, app: FastAPI) -> None:
        """Take in a service that is built and about to start."""
        process: ServiceProcess = app.state.process
        self.processes[process.name] = process
        self.doors[process.name] = app.state.door

    @property
    def up(self) -> bool:
        """Whether all services have come up."""
        return self.complete and Phase.STARTING not in self.phases.values()

    @property
    def ready(self) -> bool:
        """Whether all services take on work now."""
        return self.complete and all(process.health.ready for process in self.processes.values())

    @property
    def complete(self) -> bool:
        """Whether all services are built."""
        return len(self.processes) == self.expected

    @property
    def phases(self) -> dict[str, Phase]:
        """Where each service is in its life."""
        return {name: process.health.phase for name, process in self.processes.items()}

    @property
    def faults(self) -> dict[str, list[str]]:
        """What has ended that should run on, by service."""
        return {name: found for name, process in self.processes.items() if (found := process.faults())}

    @property
    def troubles(self) -> dict[str, str]:
        """What does not work now, by service and part."""
        return {
            f"{name}: {part}": what
            for name, process in self.processes.items()
            for part, what in process.health.troubles.items()
        }


def ops_app(watch: Watch) -> FastAPI:
    """Return the app of the operators' port."""
    app = FastAPI(title="Calibrant, for operators", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_probes(watch))
    registry = CollectorRegistry()
    registry.register(Together(watch))

    @app.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _probes(watch: Watch) -> APIRouter:
    router = APIRouter()

    @router.get("/startup", summary="Have all services come up?")
    async def startup(response: Response) -> dict[str, Any]:
        response.status_code = 200 if watch.up else 503
        return {"phases": watch.phases}

    @router.get("/live", summary="Are they unbroken? If not, restart the process.")
    async def live(response: Response) -> dict[str, Any]:
        response.status_code = 503 if watch.faults else 200
        return {"faults": watch.faults}

    @router.get("/ready", summary="Do they all take on work now?")
    async def ready(response: Response) -> dict[str, Any]:
        response.status_code = 200 if watch.ready else 503
        return {"phases": watch.phases, "troubles": watch.troubles}

    return router


class Together(Collector):
    """The metrics of several services, each named and explained once."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        """Return every metric with the samples of all services."""
        merged: dict[str, Metric] = {}
        for metric in self._metrics():
            known = merged.setdefault(metric.name, metric)
            if known is not metric:
                known.samples.extend(metric.samples)
        return merged.values()

    def _metrics(self) -> Iterator[Metric]:
        for process in list(self._watch.processes.values()):
            yield from ServiceCollector(process).collect()
        refused = CounterMetricFamily(
            "calibrant_http_refused", "Requests turned away, by HTTP status", labels=["service", "status"]
        )
        for name, door in list(self._watch.doors.items()):
            for status in (401, 403):
                refused.add_metric([name, str(status)], door.refused[status])
        yield refused
