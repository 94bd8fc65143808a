"""Queues over HTTP: look at them and their history, change them, set schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from calibrant.bus.errors import PermanentError
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.bodies import BODY_ANSWERS
from calibrant.runtime.listing import NOT_ALL, Limit, first
from calibrant.sequencer.api import RunOrder
from calibrant.sequencer.queue.changing import change
from calibrant.sequencer.queue.desk import NotInQueue, check_component
from calibrant.sequencer.queue.schedules import Plan, drop_schedule, set_schedule
from calibrant.sequencer.queue.times import LONGEST_GRACE_S
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.store.queue_queries import EntryLine, QueueQueries, QueueView, ScheduleLine

_NONE: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "It cannot be done; the detail says why"},
    404: {"description": "No such camera, or nothing of that name waits for it"},
}
Place = Annotated[int, Query(ge=1, lt=2**31, description="Place among those that wait, from 1.")]


class Told(BaseModel):
    """What was done, for people; the run, where it is about one."""

    told: str
    run_id: str = ""


class ScheduleOrder(BaseModel):
    """When a run is put into the queue, and which."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str = Field(description="Time of the day, HH:MM or HH:MM:SS.")
    zone: str = Field(default="UTC", description="UTC, or a time zone such as America/Santiago.")
    grace_s: float = Field(
        default=3600.0,
        ge=0,
        le=LONGEST_GRACE_S,
        description="How late the run may come, s, when no sequencer ran at its time.",
    )
    run: RunOrder = Field(description="The run; its run_id is left out, or is not used.")


def routes(service: SequencerService, new_id: Callable[[], str]) -> APIRouter:
    """Return the routes of queues; ``new_id`` names runs whose order names none."""
    router = APIRouter(prefix="/queue/{component}", tags=["queue"], responses=_NONE)
    _looking(router, service)
    _changing(router, service, new_id)
    _scheduling(router, service)
    return router


def _looking(router: APIRouter, service: SequencerService) -> None:
    @router.get("", summary="Show a camera's queue: what waits, and for what")
    def show_queue(component: str) -> QueueView:
        with _told(), _reading(service, component) as queries:
            return queries.queue(component)

    @router.get("/history", summary="List all that was ever put into it, the latest first", responses=NOT_ALL)
    def history(component: str, response: Response, limit: Limit = 100) -> list[EntryLine]:
        with _told(), _reading(service, component) as queries:
            return first(queries.history(component, limit + 1), limit, response)

    @router.get("/schedules", summary="List the schedules that fill it")
    def schedules(component: str) -> list[ScheduleLine]:
        with _told(), _reading(service, component) as queries:
            return queries.schedules(component)


def _changing(router: APIRouter, service: SequencerService, new_id: Callable[[], str]) -> None:
    @router.post("/runs", status_code=202, summary="Put a run into the queue", responses=BODY_ANSWERS)
    def add(component: str, order: RunOrder, caller: CallerOf, place: Place | None = None) -> Told:
        request = order.request(new_id, caller.identity)
        with _told():
            told = change(service, component, caller, lambda desk: desk.add(request, place))
        return Told(told=told, run_id=request.run_id)

    @router.post("/runs/{run_id}/move", summary="Bring a run that waits to another place")
    def move(component: str, run_id: str, caller: CallerOf, place: Place) -> Told:
        with _told():
            told = change(service, component, caller, lambda desk: desk.move(run_id, place))
        return Told(told=told, run_id=run_id)

    @router.post("/runs/{run_id}/remove", summary="Take a run out that waits")
    def remove(component: str, run_id: str, caller: CallerOf) -> Told:
        with _told():
            told = change(service, component, caller, lambda desk: desk.remove(run_id))
        return Told(told=told, run_id=run_id)

    @router.post("/pause", summary="Begin no more runs; the one that goes on goes on")
    def pause(component: str, caller: CallerOf) -> Told:
        with _told():
            return Told(told=change(service, component, caller, lambda desk: desk.pause()))

    @router.post("/resume", summary="Begin runs again")
    def resume(component: str, caller: CallerOf) -> Told:
        with _told():
            return Told(told=change(service, component, caller, lambda desk: desk.resume()))

    @router.post("/stop", summary="Begin no more runs, and end the one that goes on")
    def stop(component: str, caller: CallerOf, *, now: bool = False) -> Told:
        with _told():
            return Told(told=change(service, component, caller, lambda desk: desk.stop(now=now)))


def _scheduling(router: APIRouter, service: SequencerService) -> None:
    @router.post("/schedules/{name}", summary="Set a schedule: a run once a day", responses=BODY_ANSWERS)
    def set_one(component: str, name: str, order: ScheduleOrder, caller: CallerOf) -> Told:
        plan = Plan(name, order.at, order.zone, order.grace_s)
        request = order.run.request(lambda: name, caller.identity)
        with _told():
            told = change(service, component, caller, lambda desk: set_schedule(desk, plan, request))
        return Told(told=told)

    @router.post("/schedules/{name}/drop", summary="Take a schedule away")
    def drop(component: str, name: str, caller: CallerOf) -> Told:
        with _told():
            return Told(told=change(service, component, caller, lambda desk: drop_schedule(desk, name)))


@contextmanager
def _reading(service: SequencerService, component: str) -> Iterator[QueueQueries]:
    with service.database.reading() as session:
        check_component(session, service, component)
        yield QueueQueries(session)


@contextmanager
def _told() -> Iterator[None]:
    """Answer 404 for what is not there, 400 for what cannot be done."""
    try:
        yield
    except NotInQueue as error:
        raise HTTPException(404, str(error)) from None
    except PermanentError as error:
        raise HTTPException(400, str(error)) from None
