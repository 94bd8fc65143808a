"""HTTP over a service: status, control, dead letters, audit, and the service's own routes.

Owns the paths every service has. Probes and metrics are on a port of their own, ``ops``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response, Security
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from sqlmodel import Session

from calibrant.bus.errors import TransientError
from calibrant.runtime import dead_letters
from calibrant.runtime.access.audit import Deed, entries, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.door import Door
from calibrant.runtime.access.guard import CallerOf, Guard
from calibrant.runtime.bodies import BodyLimit
from calibrant.runtime.database import ValueRefused
from calibrant.runtime.dead_letters import NoSuchLetter
from calibrant.runtime.health import Phase
from calibrant.runtime.listing import NOT_ALL, Limit, first
from calibrant.runtime.origins import refuse_foreign_origins
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.settings import MAX_BODY_BYTES
from calibrant.runtime.tables import DeadLetterRow
from calibrant.runtime.telemetry.requests import RequestTelemetry

_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "No credential, or one that is not accepted; the detail says why"},
    403: {"description": "The role does not suffice; the detail names the one that is needed"},
    503: {"description": "What the service stands on is away; ask again later"},
}
_NO_LETTER: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "No such open dead letter"}}
_RESTS: Final[dict[int | str, dict[str, Any]]] = {409: {"description": "It drains or has ended; restart it"}}


def http_app(process: ServiceProcess, door: Door, max_body_bytes: int = MAX_BODY_BYTES) -> FastAPI:
    """Lay HTTP over a service; its process is ``app.state.process`` and is started by whoever serves.

    Parameters
    ----------
    process : ServiceProcess
        The service.
    door : Door
        Who is let in.
    max_body_bytes : int
        Largest body of a request.
    """
    app = guarded_app(f"Calibrant {process.name}", door)
    app.state.process = process
    app.add_exception_handler(HTTPException, _hinting)
    app.add_exception_handler(TransientError, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValueRefused, _unfit)
    app.add_middleware(BodyLimit, most_bytes=max_body_bytes)
    app.add_middleware(RequestTelemetry, process=process)
    app.include_router(_status(process))
    app.include_router(_control(process), prefix="/control")
    app.include_router(_letters(process), prefix="/dead-letters")
    app.include_router(_audit(process), prefix="/audit")
    app.include_router(process.spec.router)
    return app


def guarded_app(title: str, door: Door, beyond: Collection[str] = ()) -> FastAPI:
    """Return an app without routes that asks who calls, ``app.state.door`` and all.

    Parameters
    ----------
    title : str
        What it is, for its documentation.
    door : Door
        Who is let in.
    beyond : collection of str
        First parts of paths that lead to apps with guards of their own.
    """
    bearer = Security(
        HTTPBearer(auto_error=False, description="Needed unless the API listens on loopback only")
    )
    app = FastAPI(title=title, version="1", dependencies=[bearer], responses=_REFUSED)
    app.state.door = door
    refuse_foreign_origins(app, loopback=door.open)
    app.add_middleware(Guard, door=door, beyond=beyond)
    return app


async def _hinting(request: Request, error: Exception) -> Response:
    """Write a route that an error hints at as it is reached, also where the service is mounted below another path."""
    assert isinstance(error, HTTPException)
    if isinstance(error.detail, str):
        above = request.scope.get("root_path", "")
        error.detail = error.detail.replace("GET /", f"GET {above}/")
    return await http_exception_handler(request, error)


def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=503)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request without repeating what came: NaN cannot be told in JSON."""
    assert isinstance(error, RequestValidationError)
    detail = [
        {"type": one["type"], "loc": [_told(part) for part in one["loc"]], "msg": one["msg"]}
        for one in error.errors()
    ]
    return JSONResponse({"detail": detail}, status_code=422)


def _unfit(_request: Request, _error: Exception) -> JSONResponse:
    words = "a number is too large, a text too long or with NUL: nothing here is stored under such a value"
    detail = [{"type": "value_refused", "loc": ["request"], "msg": words}]
    return JSONResponse({"detail": detail}, status_code=422)


def _told(part: str | int) -> str | int:
    return ascii(part)[1:-1] if isinstance(part, str) else part


def _status(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["status"])

    @router.get("/status", summary="What the service is doing")
    async def status() -> dict[str, Any]:
        if process.health.phase is Phase.STARTING:
            raise HTTPException(503, f"{process.name} is starting; ask again later")
        return await process.status()

    return router


def _control(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["control"])

    @router.post("/pause", summary="Take on nothing new until resumed", responses=_RESTS)
    async def pause(caller: CallerOf) -> dict[str, str]:
        await _asked(process, caller, "pause")
        _refuse_after_drain(process)
        process.pause()
        return {"phase": process.health.phase.value}

    @router.post("/resume", summary="Take on work again", responses=_RESTS)
    async def resume(caller: CallerOf) -> dict[str, str]:
        await _asked(process, caller, "resume")
        _refuse_after_drain(process)
        process.resume()
        return {"phase": process.health.phase.value}

    @router.post("/drain", summary="Finish what is in hand, take on nothing new for ever; answers at once")
    async def drain(caller: CallerOf) -> dict[str, str]:
        await _asked(process, caller, "drain")
        await process.drain(wait=False)
        return {"phase": process.health.phase.value}

    return router


async def _asked(process: ServiceProcess, caller: Caller, what: str) -> None:
    """Write down that somebody asks for something, before it is done: nothing is done that is not on record."""

    def work() -> None:
        with process.database.writing() as session:
            record(session, process.platform.clock.tai_ns(), caller, Deed(what, process.name, "asked for"))

    await asyncio.to_thread(work)


def _refuse_after_drain(process: ServiceProcess) -> None:
    if process.health.phase not in (Phase.RUNNING, Phase.PAUSED):
        raise HTTPException(
            409, f"{process.name} is {process.health.phase.value}; restart it to take on work"
        )


def _letters(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["dead letters"])

    @router.get(
        "",
        summary="List dead letters, oldest first; state: open, replayed, discarded or all",
        responses=NOT_ALL,
    )
    def listing(response: Response, state: str = "open", limit: Limit = 1000) -> list[dict[str, Any]]:
        with process.database.reading() as session:
            found = dead_letters.letters(session, state=None if state == "all" else state, limit=limit + 1)
            return first([letter_summary(row) for row in found], limit, response)

    @router.get("/{letter_id}", summary="Show one with its headers and its body", responses=_NO_LETTER)
    def show(letter_id: str) -> dict[str, Any]:
        with process.database.reading() as session:
            row = _found(lambda: dead_letters.letter(session, letter_id))
            body = row.value.decode("utf-8", "backslashreplace")
            return {**letter_summary(row), "headers": json.loads(row.headers), "body": body}

    @router.post("/{letter_id}/replay", summary="Send one again", responses=_NO_LETTER)
    def replay(letter_id: str, caller: CallerOf) -> dict[str, Any]:
        return _acted(process, caller, letter_id, dead_letters.replay)

    @router.post("/{letter_id}/discard", summary="Put one away for good", responses=_NO_LETTER)
    def discard(letter_id: str, caller: CallerOf) -> dict[str, Any]:
        return _acted(process, caller, letter_id, dead_letters.discard)

    return router


def _audit(process: ServiceProcess) -> APIRouter:
    router = APIRouter(tags=["audit"])

    @router.get("", summary="List who did what, the latest first")
    def listing(
        who: str | None = None, limit: Annotated[int, Query(ge=1, le=100_000)] = 1000
    ) -> list[dict[str, Any]]:
        with process.database.reading() as session:
            return entries(session, who=who, limit=limit)

    return router


def _acted(
    process: ServiceProcess,
    caller: Caller,
    letter_id: str,
    action: Callable[[Session, str], DeadLetterRow],
) -> dict[str, Any]:
    with process.database.writing() as session:
        row = _found(lambda: action(session, letter_id))
        summary = letter_summary(row)
        record(session, process.platform.clock.tai_ns(), caller, Deed("dead letter", letter_id, row.state))
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
