"""HTTP over a service: probes, status, metrics, control, dead letters, and the service's own routes.

Owns the paths every service has. Probes mean different things: started once; not broken; takes on work now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from calibrant.runtime import dead_letters
from calibrant.runtime.dead_letters import NoSuchLetter
from calibrant.runtime.health import Phase
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.tables import DeadLetterRow


def http_app(process: ServiceProcess) -> FastAPI:
    """Lay HTTP over a service; the process is ``app.state.process`` and is started by whoever serves."""
    app = FastAPI(title=f"Calibrant {process.name}", version="1")
    app.state.process = process
    app.include_router(_probes(process))
    app.include_router(_status(process))
    app.include_router(_control(process), prefix="/control")
    app.include_router(_letters(process), prefix="/dead-letters")
    app.include_router(process.spec.router)
    return app


def _probes(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["probes"])

    @router.get("/startup", summary="Has the service come up?")
    def startup(response: Response) -> dict[str, str]:
        if process.health.phase is Phase.STARTING:
            response.status_code = 503
        return {"phase": process.health.phase.value}

    @router.get("/live", summary="Is it unbroken? If not, restart it.")
    def live(response: Response) -> dict[str, list[str]]:
        faults = process.faults()
        if faults:
            response.status_code = 503
        return {"faults": faults}

    @router.get("/ready", summary="Does it take on work now?")
    def ready(response: Response) -> dict[str, Any]:
        if not process.health.ready:
            response.status_code = 503
        return {"phase": process.health.phase.value, "troubles": dict(process.health.troubles)}

    return router


def _status(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["status"])
    registry = CollectorRegistry()
    registry.register(ServiceCollector(process))

    @router.get("/status", summary="What the service is doing")
    async def status() -> dict[str, Any]:
        return await process.status()

    @router.get("/metrics", summary="Counters for Prometheus")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _control(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["control"])

    @router.post("/pause", summary="Take on nothing new until resumed")
    def pause() -> dict[str, str]:
        _refuse_after_drain(process)
        process.pause()
        return {"phase": process.health.phase.value}

    @router.post("/resume", summary="Take on work again")
    def resume() -> dict[str, str]:
        _refuse_after_drain(process)
        process.resume()
        return {"phase": process.health.phase.value}

    @router.post("/drain", summary="Finish what is in hand, take on nothing new for ever")
    async def drain() -> dict[str, str]:
        await process.drain()
        return {"phase": process.health.phase.value}

    return router


def _refuse_after_drain(process: ServiceProcess) -> None:
    if process.health.phase not in (Phase.RUNNING, Phase.PAUSED):
        raise HTTPException(
            409, f"{process.name} is {process.health.phase.value}; restart it to take on work"
        )


def _letters(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["dead letters"])

    @router.get("", summary="List dead letters")
    def listing() -> list[dict[str, Any]]:
        with process.database.reading() as session:
            return [letter_summary(row) for row in dead_letters.letters(session)]

    @router.post("/{letter_id}/replay", summary="Send one again")
    def replay(letter_id: str) -> dict[str, Any]:
        return _acted(process, letter_id, dead_letters.replay)

    @router.post("/{letter_id}/discard", summary="Put one away for good")
    def discard(letter_id: str) -> dict[str, Any]:
        return _acted(process, letter_id, dead_letters.discard)

    return router


def _acted(process: ServiceProcess, letter_id: str, action: Any) -> dict[str, Any]:
    try:
        with process.database.writing() as session:
            summary = letter_summary(action(session, letter_id))
    except NoSuchLetter as error:
        raise HTTPException(404, str(error)) from None
    process.wake()
    return summary


def letter_summary(row: DeadLetterRow) -> dict[str, Any]:
    """Return a dead letter for people and programs, its bytes left out."""
    return row.model_dump(exclude={"value", "headers"})


class ServiceCollector(Collector):
    """Turns a service's counters into Prometheus metrics when they are asked for."""

    def __init__(self, process: ServiceProcess) -> None:
        self._process = process

    def collect(self) -> Iterable[Metric]:
        name = self._process.name
        counts = CounterMetricFamily(
            "calibrant_records", "Records by what became of them", labels=["service", "what"]
        )
        for what, count in self._process.health.counts.items():
            counts.add_metric([name, what], count)
        ready = GaugeMetricFamily("calibrant_ready", "1 if the service takes on work", labels=["service"])
        ready.add_metric([name], float(self._process.health.ready))
        return [counts, ready]
