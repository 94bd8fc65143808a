"""HTTP queries of certify: certifications, and which one applies. Answers from the one query class; changes nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from calibrant.certify.store import CertifyQueries, look_up
from calibrant.frames.times import parse_time
from calibrant.runtime.database import Database

Limit = Annotated[int, Query(ge=1, le=100_000, description="At most so many.")]
_DETECTOR = Query(ge=0, le=2**31 - 1, description="Detector number.")
_TIME = "Such as 2026-01-01T00:00:00; UTC unless it ends in TAI."


def routes(database: Database) -> APIRouter:
    """Return the routes of certify."""
    router = APIRouter(tags=["calibrations"])

    @router.get("/calibrations", summary="List certifications, the last recorded first")
    def calibrations(
        instrument: str | None = None,
        kind: str | None = None,
        detector: Annotated[int | None, _DETECTOR] = None,
        collection: str | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            return CertifyQueries(session).calibrations(
                instrument=instrument, kind=kind, detector=detector, collection=collection, limit=limit
            )

    @router.get(
        "/calibrations/find",
        summary="Which calibration applies to a detector at a time, and why",
        responses={
            400: {"description": "No time"},
            404: {"description": "None applies; the detail says why"},
        },
    )
    def find(
        *,
        instrument: str,
        detector: Annotated[int, _DETECTOR],
        kind: str,
        at: Annotated[str, Query(description=f"The instant it is for. {_TIME}")],
        collection: Annotated[str | None, Query(description="Default: <instrument>/calib/daily.")] = None,
        filter: str | None = None,  # noqa: A002 - the field's word
        as_of: Annotated[str | None, Query(description=f"As the ledger stood then. {_TIME}")] = None,
    ) -> dict[str, Any]:
        instant = _instant("at", at)
        as_of_tai_ns = None if as_of is None else _instant("as_of", as_of)
        answer = look_up(
            database,
            instrument=instrument,
            detector=detector,
            kind=kind,
            at_tai_ns=instant,
            collection=collection,
            filter=filter,
            as_of_tai_ns=as_of_tai_ns,
        )
        if answer["calibration"] is None:
            raise HTTPException(404, answer["why"])
        return answer

    @router.get(
        "/calibrations/{certification_id}",
        summary="Show a certification",
        responses={404: {"description": "No such certification"}},
    )
    def calibration(certification_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = CertifyQueries(session).calibration(certification_id)
        if found is None:
            raise HTTPException(
                404, f"no certification {certification_id!r}; GET /calibrations lists those there are"
            )
        return found

    return router


def _instant(name: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as problem:
        raise HTTPException(400, f"{name}: {problem}") from problem
