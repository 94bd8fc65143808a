"""What is done to a run, over HTTP: pause, resume, stop, retry; its report, and how long it takes."""

from typing import Any, Final

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from calibrant.contracts.sequencer.v1 import RunReport
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.guard import CallerOf
from calibrant.sequencer.control import Action, ControlRefused
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.estimating import Estimate
from calibrant.sequencer.service import CameraBusy, NoSuchRun, SequencerService

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "No such run"},
    409: {"description": "Not in the run's state, or its camera is busy; the detail says why"},
}


class RunStanding(BaseModel):
    """How a run is after what was done to it."""

    run_id: str
    state: str = Field(description="a `RunState`")
    held: str = Field(description="paused; stopping, until the exposure that has begun is in; or empty")


def routes(service: SequencerService) -> APIRouter:
    """Return the routes, below those of runs."""
    router = APIRouter(responses=_ANSWERS)
    _looking(router, Controls(service))

    def act(run_id: str, action: Action, caller: Caller) -> RunStanding:
        try:
            standing = Controls(service).control(run_id, action, caller)
        except NoSuchRun as error:
            raise not_found(error) from None
        except (ControlRefused, CameraBusy) as error:
            raise HTTPException(409, str(error)) from None
        return RunStanding(run_id=run_id, state=standing.state, held=standing.held)

    @router.post("/{run_id}/pause", summary="Begin no exposure and send no job")
    def pause_run(run_id: str, caller: CallerOf) -> RunStanding:
        return act(run_id, Action.PAUSE, caller)

    @router.post("/{run_id}/resume", summary="Let a paused run go on")
    def resume_run(run_id: str, caller: CallerOf) -> RunStanding:
        return act(run_id, Action.RESUME, caller)

    @router.post("/{run_id}/stop", summary="End a run after the exposure that has begun, or now")
    def stop_run(run_id: str, caller: CallerOf, *, now: bool = False) -> RunStanding:
        return act(run_id, Action.STOP_NOW if now else Action.STOP, caller)

    @router.post("/{run_id}/retry", summary="Do again what failed of a run, and what depended on it")
    def retry_run(run_id: str, caller: CallerOf) -> RunStanding:
        return act(run_id, Action.RETRY, caller)

    return router


def _looking(router: APIRouter, controls: Controls) -> None:
    @router.get("/{run_id}/report", summary="Say what came of a run, and of each set, so far")
    def report_run(run_id: str) -> RunReport:
        try:
            return controls.report(run_id)
        except NoSuchRun as error:
            raise not_found(error) from None

    @router.get("/{run_id}/estimate", summary="Say how long a run takes, and still will")
    def estimate_run(run_id: str) -> Estimate:
        try:
            return controls.estimate(run_id)
        except NoSuchRun as error:
            raise not_found(error) from None


def not_found(error: NoSuchRun) -> HTTPException:
    """Return the answer to who asks for a run that there is not."""
    return HTTPException(404, f"{error}; GET /runs lists those there are")
