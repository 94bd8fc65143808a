"""HTTP of the register's changes: make one, list them, show one; and the collections there are."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, Field

from calibrant.certify.changes import Refused
from calibrant.certify.register import OpenWork, carry_out
from calibrant.certify.store import CertifyQueries
from calibrant.certify.wishes import AnyWish
from calibrant.frames.times import parse_time
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.bodies import BODY_ANSWERS
from calibrant.runtime.database import Database
from calibrant.runtime.listing import NOT_ALL, Limit, first

AsOf = Annotated[
    str | None,
    Query(description="As they stood then, such as 2026-01-01T00:00:00; UTC unless it ends in TAI."),
]
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "It cannot be done, or nothing would change; the detail says why"}
}
_NO_TIME: Final[dict[int | str, dict[str, Any]]] = {400: {"description": "No time"}}


class Changed(BaseModel):
    """A change that was made."""

    id: str
    action: str
    collection: str
    told: str = Field(description="What was done, in words.")
    recorded_tai_ns: int
    unchanged: bool = Field(description="Whether it was made before, under the same request.")


def change_routes(database: Database, work: OpenWork, new_id: Callable[[], str]) -> APIRouter:
    """Return the routes.

    Parameters
    ----------
    database : Database
        The service's own.
    work : callable
        Opens a unit of work for a cause and a run.
    new_id : callable
        Names changes whose wish brings no name.
    """
    router = APIRouter(tags=["register"])

    @router.post("/changes", summary="Change the register", responses=BODY_ANSWERS | _REFUSED)
    def make(wish: AnyWish, caller: CallerOf) -> Changed:
        try:
            return Changed(**carry_out(work, wish, caller, new_id()))
        except Refused as problem:
            raise HTTPException(409, str(problem)) from problem

    @router.get("/changes", summary="List changes, the latest first: who, when, why", responses=NOT_ALL)
    def changes(
        response: Response,
        collection: str | None = None,
        product: str | None = None,
        who: str | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = CertifyQueries(session).history(
                collection=collection, product=product, who=who, limit=limit + 1
            )
        return first(rows, limit, response)

    @router.get(
        "/changes/{change_id}",
        summary="Show a change with its lines",
        responses={404: {"description": "No such change"}},
    )
    def change(change_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = CertifyQueries(session).change(change_id)
        if found is None:
            raise HTTPException(404, f"no change {change_id!r}; GET /changes lists those there are")
        return found

    @router.get("/collections", summary="List collections by name", responses=_NO_TIME | NOT_ALL)
    def collections(response: Response, as_of: AsOf = None, limit: Limit = 1000) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = CertifyQueries(session).collections(_instant(as_of), limit + 1)
        return first(rows, limit, response)

    @router.get(
        "/collections/{name:path}",
        summary="Show a collection: its members, or the products in it",
        responses=_NO_TIME | {404: {"description": "No such collection"}},
    )
    def collection(name: str, as_of: AsOf = None) -> dict[str, Any]:
        with database.reading() as session:
            found = CertifyQueries(session).collection(name, _instant(as_of))
        if found is None:
            raise HTTPException(404, f"no collection {name!r}; GET /collections lists those there are")
        return found

    return router


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError as problem:
        raise HTTPException(400, f"as_of: {problem}") from problem
