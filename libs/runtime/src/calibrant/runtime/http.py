"""HTTP over a service: probes, status, metrics, control, dead letters, and the service's own routes.

Owns the paths every service has. Probes mean different things: started once; not broken; takes on work now.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, generate_latest
from sqlmodel import Session

from calibrant.bus.errors import TransientError
from calibrant.runtime import dead_letters
from calibrant.runtime.dead_letters import NoSuchLetter
from calibrant.runtime.health import Phase
from calibrant.runtime.origins import refuse_foreign_origins
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.tables import DeadLetterRow
from calibrant.runtime.telemetry.collector import ServiceCollector


def http_app(process: ServiceProcess) -> FastAPI:
    """Lay HTTP over a service; the process is ``app.state.process`` and is started by whoever serves."""
    app = FastAPI(title=f"Calibrant {process.name}", version="1")
    app.state.process = process
    app.add_exception_handler(TransientError, _unavailable)
    refuse_foreign_origins(app)
    app.include_router(_probes(process))
    app.include_router(_status(process))
    app.include_router(_control(process), prefix="/control")
    app.include_router(_letters(process), prefix="/dead-letters")
    app.include_router(process.spec.router)
    return app


def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=503)


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
    async def pause() -> dict[str, str]:
        _refuse_after_drain(process)
        process.pause()
        return {"phase": process.health.phase.value}

    @router.post("/resume", summary="Take on work again")
    async def resume() -> dict[str, str]:
        _refuse_after_drain(process)
        process.resume()
        return {"phase": process.health.phase.value}

    @router.post("/drain", summary="Finish what is in hand, take on nothing new for ever; answers at once")
    async def drain() -> dict[str, str]:
        await process.drain(wait=False)
        return {"phase": process.health.phase.value}

    return router


def _refuse_after_drain(process: ServiceProcess) -> None:
    if process.health.phase not in (Phase.RUNNING, Phase.PAUSED):
        raise HTTPException(
            409, f"{process.name} is {process.health.phase.value}; restart it to take on work"
        )


def _letters(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["dead letters"])

    @router.get("", summary="List dead letters; state: open, replayed, discarded or all")
    def listing(state: str = "open") -> list[dict[str, Any]]:
        with process.database.reading() as session:
            found = dead_letters.letters(session, state=None if state == "all" else state)
            return [letter_summary(row) for row in found]

    @router.get("/{letter_id}", summary="Show one with its headers and its body")
    def show(letter_id: str) -> dict[str, Any]:
        with process.database.reading() as session:
            row = _found(lambda: dead_letters.letter(session, letter_id))
            body = row.value.decode("utf-8", "backslashreplace")
            return {**letter_summary(row), "headers": json.loads(row.headers), "body": body}

    @router.post("/{letter_id}/replay", summary="Send one again")
    def replay(letter_id: str) -> dict[str, Any]:
        return _acted(process, letter_id, dead_letters.replay)

    @router.post("/{letter_id}/discard", summary="Put one away for good")
    def discard(letter_id: str) -> dict[str, Any]:
        return _acted(process, letter_id, dead_letters.discard)

    return router


def _acted(
    process: ServiceProcess, letter_id: str, action: Callable[[Session, str], DeadLetterRow]
) -> dict[str, Any]:
    with process.database.writing() as session:
        summary = letter_summary(_found(lambda: action(session, letter_id)))
    process.wake()
    return summary


def _found(look: Callable[[], DeadLetterRow]) -> DeadLetterRow:
    try:
        return look()
    except NoSuchLetter as error:
        raise HTTPException(404, str(error)) from None


def letter_summary(row: DeadLetterRow) -> dict[str, Any]:
    """Return a dead letter for people and programs, its bytes left out."""
    return row.model_dump(exclude={"value", "headers"})
