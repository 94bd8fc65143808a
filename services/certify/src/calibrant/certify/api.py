"""HTTP queries of certify: certifications, and which one applies. Answers from the one query class; changes nothing."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import Field

from calibrant.certify.changes import Refused
from calibrant.certify.naming import Named, place_of, unknown_names, whole_of
from calibrant.certify.store import CertifyQueries, look_up
from calibrant.frames.times import parse_time
from calibrant.runtime.database import Database
from calibrant.runtime.listing import NOT_ALL, Limit, first

_DETECTOR = Query(ge=0, le=2**31 - 1, description="Detector number.")
_Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
_TIME = "Such as 2026-01-01T00:00:00; UTC unless it ends in TAI."


def routes(database: Database, instruments: Path) -> APIRouter:
    """Return the routes of certify that answer questions.

    Parameters
    ----------
    database : Database
        The service's own.
    instruments : Path
        Folder with instrument files beside those that come along.
    """
    router = APIRouter(tags=["calibrations"])

    @router.get("/calibrations", summary="List certifications, the last recorded first", responses=NOT_ALL)
    def calibrations(  # noqa: PLR0917 - a query parameter each
        response: Response,
        instrument: str | None = None,
        kind: str | None = None,
        detector: Annotated[int | None, _DETECTOR] = None,
        collection: str | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = CertifyQueries(session).calibrations(
                instrument=instrument, kind=kind, detector=detector, collection=collection, limit=limit + 1
            )
        return first(rows, limit, response)

    @router.get(
        "/calibrations/find",
        summary="Which calibration applies to a detector at a time, and why",
        responses={
            400: {"description": "No time, or no name of a collection"},
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
        try:
            answer = look_up(
                database,
                instrument=instrument,
                detector=detector,
                kind=kind,
                at_tai_ns=instant,
                collection=place_of(instrument, instruments, collection),
                filter=filter,
                as_of_tai_ns=as_of_tai_ns,
            )
        except Refused as problem:
            raise HTTPException(400, str(problem)) from problem
        if answer["calibration"] is None:
            asked = Named(instrument, [kind], [detector], collection, filter, as_of_tai_ns)
            with database.reading() as session:
                notes = unknown_names(CertifyQueries(session), instruments, asked)
            raise HTTPException(404, "; ".join([answer["why"], *notes]))
        return answer

    @router.get(
        "/calibrations/exposure",
        summary="All calibrations for a whole exposure, and the gaps by name",
        responses={400: {"description": "No time, no such instrument, or no name of a collection"}},
    )
    def exposure(
        *,
        instrument: str,
        at: Annotated[str, Query(description=f"The instant it is for. {_TIME}")],
        kind: Annotated[list[str] | None, Query(description="Default: all kinds of the instrument.")] = None,
        detector: Annotated[
            list[_Number] | None, Query(description="Default: all detectors of the instrument.")
        ] = None,
        collection: Annotated[str | None, Query(description="Default: <instrument>/calib/daily.")] = None,
        filter: str | None = None,  # noqa: A002 - the field's word
        as_of: Annotated[str | None, Query(description=f"As the register stood then. {_TIME}")] = None,
    ) -> dict[str, Any]:
        instant = _instant("at", at)
        as_of_tai_ns = None if as_of is None else _instant("as_of", as_of)
        try:
            kinds, detectors = whole_of(instrument, instruments, kind, detector)
            with database.reading() as session:
                register = CertifyQueries(session)
                answer = register.exposure(
                    instrument=instrument,
                    detectors=detectors,
                    kinds=kinds,
                    at_tai_ns=instant,
                    collection=place_of(instrument, instruments, collection),
                    filter=filter,
                    as_of_tai_ns=as_of_tai_ns,
                )
                asked = Named(instrument, kind, detector, collection, filter, as_of_tai_ns)
                notes = unknown_names(register, instruments, asked) if answer["gaps"] else []
                return answer | {"notes": notes}
        except Refused as problem:
            raise HTTPException(400, str(problem)) from problem

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
