"""The camera's HTTP routes: what it has done, and commands for people; both go the way of every other command."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from calibrant.camera.orders import Order, order_of
from calibrant.camera.pictures import NoPicture, picture
from calibrant.camera.service import CameraService
from calibrant.camera.store import CameraQueries
from calibrant.contracts.camera.v1 import AckCode, CommandAck, CommandHeader, StoredFile
from calibrant.contracts.common.v1 import TaiTime
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.access.roles import Role
from calibrant.runtime.bodies import BODY_ANSWERS
from calibrant.runtime.objects import ObjectDamaged, ObjectMissing
from calibrant.runtime.process import ServiceProcess
from calibrant.sal import ANOTHER, COMMANDS, ERROR, Command

_IMAGE: Final = r"^[A-Z]{2}_[A-Z]_\d{8}_\d{6}$"


class Answer(BaseModel):
    """What is known of a command when it has been taken in."""

    command_id: str
    ack: str = Field(description="Last acknowledgement, such as IN_PROGRESS.")
    code: int = Field(description="Its number, such as 301.")
    result: str


_ANSWERS: Final[dict[str, Any]] = {
    "response_model": Answer,
    "responses": BODY_ANSWERS
    | {
        403: {"model": Answer, "description": "NO_PERMISSION: commands need the role operator"},
        409: {
            "model": Answer,
            "description": "The command_id is that of a command that asks for something else",
        },
    },
}
_BARRED: Final = MappingProxyType({(AckCode.NO_PERMISSION, ERROR): 403, (AckCode.FAILED, ANOTHER): 409})
"""By code and error, what is answered to who gives no command of an identifier: nothing is told on the bus."""


def _process(request: Request) -> ServiceProcess:
    process: ServiceProcess = request.app.state.process
    return process


Process = Annotated[ServiceProcess, Depends(_process)]


def routes(service: CameraService) -> APIRouter:
    """Return the camera's routes."""
    router = APIRouter(tags=["camera"])

    @router.get("/summary-state", summary="The component's state")
    def summary_state() -> dict[str, Any]:
        with service.database.reading() as session:
            state = service.state(session)
        return {"component": service.component, "summary_state": state.name, "number": state.number}

    @router.get("/exposures", summary="Exposures, newest first")
    def exposures(
        night: Annotated[str | None, Query(pattern=r"^\d{8}$", description="YYYYMMDD")] = None,
        limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
    ) -> list[dict[str, Any]]:
        with service.database.reading() as session:
            return CameraQueries(session).exposures(night=night, limit=limit)

    drawing = asyncio.Semaphore(1)  # frames are made by the same child processes

    @router.get(
        "/exposures/{image_name}/picture.png",
        summary="A picture of a stored image: its detectors where they sit in the camera",
        response_class=Response,
        responses={
            200: {"content": {"image/png": {}}},
            404: {"description": "No such image is stored, or its files are gone"},
        },
    )
    async def image_picture(
        process: Process,
        image_name: Annotated[str, PathParameter(pattern=_IMAGE)],
        most: Annotated[
            int, Query(ge=64, le=2048, description="Pixels along the longer side, at most")
        ] = 1024,
    ) -> Response:
        files = await asyncio.to_thread(_frames_of, service, image_name)
        if not files:
            raise HTTPException(404, f"no image {image_name} is stored; GET /exposures lists them")
        platform = process.platform
        try:
            async with drawing:
                drawn = await platform.workers.run(
                    picture, service.camera.instrument, files, platform.objects, most
                )
        except (NoPicture, ObjectMissing, ObjectDamaged) as error:
            raise HTTPException(404, f"{image_name} cannot be drawn: {error}") from None
        return Response(drawn, media_type="image/png")

    @router.get("/commands", summary="Commands with their last acknowledgement, newest first")
    def commands(limit: Annotated[int, Query(ge=1, le=100_000)] = 1000) -> list[dict[str, Any]]:
        with service.database.reading() as session:
            return CameraQueries(session).commands(limit)

    @router.get(
        "/commands/{command_id}",
        summary="A command with all its acknowledgements",
        responses={404: {"description": "No such command"}},
    )
    def command(command_id: str) -> dict[str, Any]:
        with service.database.reading() as session:
            found = CameraQueries(session).command(command_id)
        if found is None:
            raise HTTPException(404, f"no command {command_id}; GET /commands lists them")
        return found

    _add_orders(router, service)
    return router


def _frames_of(service: CameraService, image_name: str) -> list[StoredFile]:
    """Return the frames of a stored image; none where there is none."""
    with service.database.reading() as session:
        row = CameraQueries(session).stored(image_name)
        return row.frames() if row else []


def _add_orders(router: APIRouter, service: CameraService) -> None:
    for name, kind in COMMANDS.items():
        router.add_api_route(
            f"/commands/{name}",
            _order(service, kind),
            methods=["POST"],
            status_code=202,
            summary=kind.__doc__,
            **_ANSWERS,
        )
    router.add_api_route("/commands/{name}", _unknown, methods=["POST"], include_in_schema=False)


def _unknown(name: str, caller: CallerOf) -> None:
    if not caller.has(Role.OPERATOR):
        raise HTTPException(403, f"this needs the role operator; {caller.identity} has {caller.roles_text}")
    near = get_close_matches(name, COMMANDS, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(COMMANDS)}"
    raise HTTPException(404, f"there is no command {name!r}; {meant}")


def _order(service: CameraService, kind: type[Command]) -> Any:
    model = order_of(kind)

    def take_in(process: ServiceProcess, caller: Caller, order: Order | None = None) -> Answer | JSONResponse:
        return _accept(process, service, kind, order or model(), caller)

    take_in.__annotations__.update(order=model | None, process=Process, caller=CallerOf)
    return take_in


def _accept(
    process: ServiceProcess, service: CameraService, kind: type[Command], order: Order, caller: Caller
) -> Answer | JSONResponse:
    now = process.platform.clock.tai_ns()
    command_id = order.command_id or process.platform.ids.new()
    header = CommandHeader(
        command_id=command_id,
        component=service.component,
        identity=caller.identity,
        roles=caller.given,
        deadline=TaiTime.from_ns(now + round(order.begin_within_s * 1e9)),
        sequence_number=order.sequence_number,
        origin=order.origin,
    )
    with process.unit_of_work(f"http:{command_id}:{now}") as unit:
        told = service.accept(kind(header=header, **order.own()), unit.session, now_tai_ns=now, run_id="")
        ack = next(message for message in told if isinstance(message, CommandAck))
        barred = _BARRED.get((ack.ack, ack.error))
        if (
            barred is None
        ):  # on the bus, who truly gave a command of this identifier would take it for the answer
            unit.emit(told)
    answer = Answer(command_id=command_id, ack=ack.ack.name, code=ack.ack.number, result=ack.result)
    return JSONResponse(answer.model_dump(), status_code=barred) if barred else answer
