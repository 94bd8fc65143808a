"""The waiting list over HTTP: what waits for a person, and a person's decision, for who may decide what is certified."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from calibrant.certify.deciding import DecidedAlready, NoReason, NothingWaits, decide
from calibrant.certify.service import CertifyService
from calibrant.certify.waiting import waiting_list, waiting_one
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.bodies import BODY_ANSWERS
from calibrant.runtime.database import Database
from calibrant.runtime.listing import NOT_ALL, Limit, first
from calibrant.runtime.process import ServiceProcess

State = Literal["waiting", "accepted", "rejected", "all"]


class Verdict(BaseModel):
    """What a person decides."""

    model_config = ConfigDict(extra="forbid")

    accept: bool = Field(description="Whether the product may be certified.")
    reason: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="Why, in one line, for whoever asks later."
    )


def waiting_routes(service: CertifyService, database: Database) -> APIRouter:
    """Return the routes of the waiting list."""
    router = APIRouter(tags=["waiting"])

    @router.get(
        "/waiting",
        summary="List what waits for a person's decision, the longest waiting first",
        responses=NOT_ALL,
    )
    def waiting(
        response: Response,
        state: State = "waiting",
        instrument: str | None = None,
        run: str | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        wanted = {"state": None if state == "all" else state, "instrument": instrument, "run_id": run}
        with database.reading() as session:
            rows = waiting_list(session, **wanted, limit=limit + 1)
        return first(rows, limit, response)

    @router.get(
        "/waiting/{waiting_id}",
        summary="Show what waits, or what was decided on it",
        responses={404: {"description": "Nothing waits under this name"}},
    )
    def one(waiting_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = waiting_one(session, waiting_id)
        if found is None:
            raise HTTPException(404, f"nothing waits under {waiting_id!r}; GET /waiting lists what does")
        return found

    @router.post(
        "/decisions/{waiting_id}",
        summary="Accept or reject what waits",
        responses=BODY_ANSWERS
        | {
            404: {"description": "Nothing waits under this name"},
            409: {"description": "It was decided before; the detail says by whom"},
        },
    )
    def decision(waiting_id: str, verdict: Verdict, request: Request, caller: CallerOf) -> dict[str, Any]:
        process: ServiceProcess = request.app.state.process
        try:
            with process.unit_of_work(f"decide:{waiting_id}") as unit:
                decide(
                    unit, service, waiting_id, accepted=verdict.accept, reason=verdict.reason, caller=caller
                )
        except NothingWaits as error:
            raise HTTPException(404, str(error)) from None
        except DecidedAlready as error:
            raise HTTPException(409, str(error)) from None
        except NoReason as error:
            raise HTTPException(400, str(error)) from None
        return one(waiting_id)

    return router
