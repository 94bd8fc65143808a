"""The camera's HTTP routes: what it has done, and commands for people; both go the way of every other command."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from calibrant.camera.checks import LONGEST_EXPOSURE_S, MOST_IMAGES
from calibrant.camera.service import CameraService
from calibrant.camera.simulator import IMAGE_TYPES
from calibrant.camera.store import CameraQueries
from calibrant.contracts.camera.v1 import AckCode, CommandAck, CommandHeader, TakeImages
from calibrant.contracts.common.v1 import TaiTime
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.bodies import BODY_ANSWERS
from calibrant.runtime.process import ServiceProcess
from calibrant.sal import COMMANDS, Command, command_name

_ID: Final = r"^[!-~]{1,100}$"
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text that a header, a table and a terminal can hold."""
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Order(BaseModel):
    """What comes with every command over HTTP."""

    model_config = ConfigDict(extra="forbid")

    command_id: str | None = Field(
        default=None,
        pattern=_ID,
        description="Identifier of your choice, printable ASCII without spaces. The same order again under it, as after a "
        "503 or a lost answer, is carried out once. Left out: a new one, and the order again is another command.",
    )
    timeout_s: float = Field(
        default=60.0, gt=0, le=86_400, description="Unit: s. It is not started later than so long from now."
    )


class StartOrder(Order):
    """STANDBY to DISABLED."""

    configuration_override: Text = Field(
        default="", description="Configuration to apply; empty: the default."
    )


class TakeImagesOrder(Order):
    """Take images."""

    num_images: int = Field(default=1, ge=1, le=MOST_IMAGES, description="How many.")
    exposure_time_s: float = Field(
        default=0.0, ge=0, le=LONGEST_EXPOSURE_S, description="Unit: s. Exposure time of each."
    )
    shutter: bool = Field(default=False, description="Whether the shutter opens.")
    image_type: Text = Field(
        default="", description=f"{', '.join(IMAGE_TYPES)}; left out: what key_value_map says."
    )
    group_id: Text = Field(default="", description="Group the images belong to.")
    sensors: list[Whole] = Field(
        default_factory=list, max_length=1000, description="Detectors to read; empty for all."
    )
    filter: Text = Field(default="", description="Filter; empty to leave it as it is.")
    observation_note: Text = Field(default="", description="Note of the observer.")
    key_value_map: Text | None = Field(
        default=None,
        description="What the observer says of the images: KEY: VALUE pairs with commas between them, such as "
        "imageType: BIAS, groupId: G, testType: BIAS.",
    )


class Answer(BaseModel):
    """What is known of a command when it has been taken in."""

    command_id: str
    ack: str = Field(description="Last acknowledgement, such as IN_PROGRESS.")
    code: int = Field(description="Its number, such as 301.")
    result: str


_ANSWERS: Final[dict[str, Any]] = {
    "response_model": Answer,
    "responses": BODY_ANSWERS
    | {403: {"model": Answer, "description": "NO_PERMISSION: commands need the role operator"}},
}


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


def _add_orders(router: APIRouter, service: CameraService) -> None:
    for name in COMMANDS:
        if name == command_name(TakeImages):
            continue
        model = StartOrder if name == "start" else Order
        router.add_api_route(
            f"/commands/{name}",
            _order(service, name, model),
            methods=["POST"],
            status_code=202,
            summary=COMMANDS[name].__doc__,
            **_ANSWERS,
        )

    @router.post("/commands/takeImages", status_code=202, summary="Take images. Only in ENABLED.", **_ANSWERS)
    def take_images(order: TakeImagesOrder, process: Process, caller: CallerOf) -> Answer | JSONResponse:
        return _accept(process, service, TakeImages, order, caller)


def _order(service: CameraService, name: str, model: type[Order]) -> Any:
    def take_in(process: ServiceProcess, caller: Caller, order: Order | None = None) -> Answer | JSONResponse:
        return _accept(process, service, COMMANDS[name], order or model(), caller)

    take_in.__annotations__.update(order=model | None, process=Process, caller=CallerOf)
    return take_in


def _accept(
    process: ServiceProcess, service: CameraService, kind: type[Command], order: Order, caller: Caller
) -> Answer | JSONResponse:
    now = process.platform.clock.tai_ns()
    command_id = order.command_id or process.platform.ids.new()
    fields = order.model_dump(exclude={"command_id", "timeout_s"})
    header = CommandHeader(
        command_id=command_id,
        component=service.component,
        identity=caller.identity,
        roles=caller.given,
        deadline=TaiTime.from_ns(now + round(order.timeout_s * 1e9)),
    )
    with process.unit_of_work(f"http:{command_id}:{now}") as unit:
        told = service.accept(kind(header=header, **fields), unit.session, now_tai_ns=now, run_id="")
        ack = next(message for message in told if isinstance(message, CommandAck))
        barred = ack.ack is AckCode.NO_PERMISSION
        if not barred:  # on the bus, who truly gave a command of this identifier would take it for the answer
            unit.emit(told)
    answer = Answer(command_id=command_id, ack=ack.ack.name, code=ack.ack.number, result=ack.result)
    return JSONResponse(answer.model_dump(), status_code=403) if barred else answer
