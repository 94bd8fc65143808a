"""HTTP queries of ingest: frames and refusals. Answers from the one query class; changes nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response

from calibrant.ingest.store import IngestQueries
from calibrant.runtime.database import Database
from calibrant.runtime.listing import NOT_ALL, Limit, first


def routes(database: Database) -> APIRouter:
    """Return the routes of ingest."""
    router = APIRouter(tags=["frames"])

    @router.get("/frames", summary="List frames, the latest exposure first", responses=NOT_ALL)
    def frames(
        response: Response,
        instrument: str | None = None,
        image_type: str | None = None,
        night: Annotated[str | None, Query(description="Observing day YYYYMMDD.")] = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = IngestQueries(session).frames(
                instrument=instrument, image_type=image_type, night=night, limit=limit + 1
            )
        return first(rows, limit, response)

    @router.get(
        "/frames/{frame_id}", summary="Show a frame", responses={404: {"description": "No such frame"}}
    )
    def frame(frame_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = IngestQueries(session).frame(frame_id)
        if found is None:
            raise HTTPException(404, f"no frame {frame_id!r}; GET /frames lists those there are")
        return found

    @router.get("/rejections", summary="List refused files, the latest first", responses=NOT_ALL)
    def rejections(
        response: Response, instrument: str | None = None, run: str | None = None, limit: Limit = 1000
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = IngestQueries(session).rejections(instrument=instrument, run=run, limit=limit + 1)
        return first(rows, limit, response)

    return router
