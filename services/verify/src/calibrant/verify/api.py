"""HTTP queries of verify: reports, measurements, metrics over time. Answers from the one query class."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import HTMLResponse

from calibrant.runtime.database import Database
from calibrant.runtime.listing import NOT_ALL, Limit, first
from calibrant.verify.service import VerifyService

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""With a report's page: it holds all it shows, and nothing in it may run or be fetched."""


def routes(service: VerifyService, database: Database) -> APIRouter:
    """Return the routes of verify."""
    router = APIRouter(tags=["verification"])

    @router.get(
        "/reports",
        summary="List reports, one line a report and detector, the latest first",
        responses=NOT_ALL,
    )
    def reports(  # noqa: PLR0917 - a query parameter each
        response: Response,
        kind: str | None = None,
        instrument: str | None = None,
        detector: int | None = None,
        product: str | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = service.queries(session).reports(
                kind=kind, instrument=instrument, detector=detector, product=product, limit=limit + 1
            )
        return first(rows, limit, response)

    @router.get(
        "/reports/{report_id}.html",
        summary="The same for people: one page with figures, without a script",
        response_class=HTMLResponse,
        responses={404: {"description": "No such report"}},
    )
    def page(report_id: str) -> HTMLResponse:
        with database.reading() as session:
            found = service.page(session, report_id)
        if found is None:
            raise HTTPException(404, _unknown(report_id))
        return HTMLResponse(found, headers=PAGE_HEADERS)

    @router.get(
        "/reports/{report_id}",
        summary="Show a report with every count and threshold",
        responses={404: {"description": "No such report"}},
    )
    def report(report_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = service.queries(session).report(report_id)
        if found is None:
            raise HTTPException(404, _unknown(report_id))
        return found

    @router.get("/measurements", summary="List the measurements made against a product")
    def measurements(product: str) -> list[dict[str, Any]]:
        with database.reading() as session:
            return service.queries(session).measurements(product)

    @router.get("/results/{job_id}", summary="List the verdicts of a job")
    def results(job_id: str, verdict: str | None = None) -> list[dict[str, Any]]:
        with database.reading() as session:
            return service.queries(session).results(job_id, verdict=verdict)

    @router.get("/metrics-history", summary="Give a metric over time")
    def history(  # noqa: PLR0917 - a query parameter each
        instrument: str,
        name: str,
        kind: str | None = None,
        detector: int | None = None,
        amplifier: str | None = None,
        most: Annotated[int, Query(ge=1, le=100_000)] = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            return service.queries(session).history(
                instrument=instrument,
                name=name,
                kind=kind,
                detector=detector,
                amplifier=amplifier,
                most=most,
            )

    return router


def _unknown(report_id: str) -> str:
    return f"no report {report_id!r}; GET /reports lists those there are"
