"""HTTP of archive: publications and their files, with ranges. Answers from the one query class; changes nothing."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse

from calibrant.archive.store import ArchiveQueries, PublicationRow
from calibrant.runtime.database import Database
from calibrant.runtime.downloads import download
from calibrant.runtime.listing import NOT_ALL, Limit, first
from calibrant.runtime.objects import ObjectStore

_NONE: dict[int | str, dict[str, Any]] = {404: {"description": "No such publication"}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file", "content": {"image/fits": {}, "application/fits": {}}},
    206: {"description": "The range asked for"},
    304: {"description": "The client has it"},
    404: {"description": "No such publication, or not public (yet); the detail says why"},
    416: {"description": "The range lies beyond the file"},
    503: {"description": "The archive's copy is missing or damaged"},
}


def routes(database: Database, objects: ObjectStore) -> APIRouter:
    """Return the routes of archive.

    Parameters
    ----------
    database : Database
        The service's own.
    objects : ObjectStore
        Where the files are.
    """
    router = APIRouter(tags=["publications"])

    @router.get("/publications", summary="List publications, the latest first", responses=NOT_ALL)
    def publications(  # noqa: PLR0917 - a query parameter each
        response: Response,
        instrument: str | None = None,
        kind: str | None = None,
        detector: int | None = None,
        status: str | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = ArchiveQueries(session).publications(
                instrument=instrument, kind=kind, detector=detector, status=status, limit=limit + 1
            )
        return first(rows, limit, response)

    @router.get("/publications/{publication_id}", summary="Show a publication", responses=_NONE)
    def publication(publication_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = ArchiveQueries(session).publication(publication_id)
        if found is None:
            raise _no_publication(publication_id)
        return found

    def file(publication_id: str, request: Request) -> Response:
        with database.reading() as session:
            row = ArchiveQueries(session).row(publication_id)
        if row is None:
            raise _no_publication(publication_id)
        return _download(row, objects, request.headers.get("if-none-match", ""))

    summary = "Download a publication's file; ranges are served, the ETag is its SHA-256"
    router.get("/files/{publication_id}", summary=summary, response_class=FileResponse, responses=_FILE)(file)
    router.head("/files/{publication_id}", include_in_schema=False)(file)
    return router


def _download(row: PublicationRow, objects: ObjectStore, known: str) -> Response:
    ref = row.copy_ref
    if ref is None:
        why = f": {row.reason}" if row.reason else "; ask again later"
        raise HTTPException(404, f"publication {row.publication_id} is {row.status}{why}")
    etag = f'"{ref.sha256}"'
    if etag in known or known.strip() == "*":
        return Response(status_code=304, headers={"etag": etag})
    return download(objects, ref, f"{row.product_id}.fits", {"etag": etag})


def _no_publication(publication_id: str) -> HTTPException:
    return HTTPException(404, f"no publication {publication_id!r}; GET /publications lists those there are")
