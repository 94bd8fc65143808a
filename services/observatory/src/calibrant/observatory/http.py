"""The observatory's HTTP: every service's API under its name, and probes for the whole.

Owns the paths ``/``, ``/startup``, ``/live``, ``/ready``, ``/status``, ``/metrics``; everything else is a service's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from calibrant.observatory.composition import Observatory
from calibrant.runtime.health import Phase
from calibrant.runtime.telemetry.collector import ServiceCollector


def observatory_app(running: Observatory) -> FastAPI:
    """Lay HTTP over running services; they are started and stopped by whoever serves."""
    app = FastAPI(title="Calibrant", version="1")
    registry = CollectorRegistry()
    registry.register(_Together([ServiceCollector(running.process(name)) for name in running.apps]))
    for name, service_app in running.apps.items():
        app.mount(f"/{name}", service_app)

    @app.get("/", summary="The services and where their APIs are")
    def index() -> dict[str, Any]:
        return {
            "services": {
                name: {"status": f"/{name}/status", "docs": f"/{name}/docs"} for name in running.apps
            }
        }

    @app.get("/status", summary="What every service is doing")
    async def status() -> dict[str, Any]:
        return {name: await running.process(name).status() for name in running.apps}

    @app.get("/metrics", summary="Counters for Prometheus")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.include_router(_probes(running))
    return app


def _probes(running: Observatory) -> APIRouter:
    router = APIRouter(tags=["probes"])

    @router.get("/startup", summary="Have all services come up?")
    def startup(response: Response) -> dict[str, str]:
        phases = {name: running.process(name).health.phase for name in running.apps}
        if Phase.STARTING in phases.values():
            response.status_code = 503
        return {name: phase.value for name, phase in phases.items()}

    @router.get("/live", summary="Are they unbroken? If not, restart the process.")
    def live(response: Response) -> dict[str, list[str]]:
        faults = {name: found for name in running.apps if (found := running.process(name).faults())}
        if faults:
            response.status_code = 503
        return faults

    @router.get("/ready", summary="Do they all take on work now?")
    def ready(response: Response) -> dict[str, Any]:
        if not all(running.process(name).health.ready for name in running.apps):
            response.status_code = 503
        phases = {name: running.process(name).health.phase.value for name in running.apps}
        return {"phases": phases, "troubles": running.troubles()}

    return router


class _Together(Collector):
    """The metrics of several services, each named and explained once."""

    def __init__(self, collectors: Sequence[ServiceCollector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterable[Metric]:
        """Return every metric with the samples of all services."""
        merged: dict[str, Metric] = {}
        for collector in self._collectors:
            for metric in collector.collect():
                merged.setdefault(metric.name, metric)
                if merged[metric.name] is not metric:
                    merged[metric.name].samples.extend(metric.samples)
        return merged.values()
