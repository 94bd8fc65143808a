"""HTTP queries of combine: products, their files, recipes. Answers from the one query class; changes nothing."""

from typing import Any, Final

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse

from calibrant.combine.recipes import RECIPES
from calibrant.combine.service import CombineService
from calibrant.runtime.database import Database
from calibrant.runtime.downloads import download
from calibrant.runtime.listing import NOT_ALL, Limit, first

_NONE: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "No such product"}}
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The whole file", "content": {"image/fits": {}, "application/fits": {}}},
    206: {"description": "The range asked for"},
    416: {"description": "The range lies beyond the file"},
    503: {"description": "The product's file is missing or damaged"},
}


def routes(service: CombineService, database: Database) -> APIRouter:
    """Return the routes of combine."""
    router = APIRouter(tags=["products"])

    @router.get("/products", summary="List products, the latest first", responses=NOT_ALL)
    def products(
        response: Response,
        kind: str | None = None,
        instrument: str | None = None,
        detector: int | None = None,
        limit: Limit = 1000,
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            rows = service.queries(session).products(
                kind=kind, instrument=instrument, detector=detector, limit=limit + 1
            )
        return first(rows, limit, response)

    @router.get("/products/{product_id}", summary="Show a product with its provenance", responses=_NONE)
    def product(product_id: str) -> dict[str, Any]:
        with database.reading() as session:
            found = service.queries(session).product(product_id)
        if found is None:
            raise _no_product(product_id)
        return found

    @router.get(
        "/products/{product_id}/file",
        summary="Download a product's FITS file",
        response_class=FileResponse,
        responses=_NONE | _FILE,
    )
    def file(product_id: str) -> FileResponse:
        with database.reading() as session:
            ref = service.queries(session).file(product_id)
        if ref is None:
            raise _no_product(product_id)
        return download(service.objects, ref, f"{product_id}.fits")

    @router.get("/recipes", summary="List recipes with their inputs and parameters")
    def recipes() -> list[dict[str, Any]]:
        return [
            {
                "name": recipe.name,
                "version": recipe.version,
                "summary": recipe.summary,
                "frames": recipe.image_type.value,
                "roles": [{"name": r.name, "kind": r.kind, "required": r.required} for r in recipe.roles],
                "parameters": recipe.parameters.model_json_schema()["properties"],
            }
            for recipe in RECIPES.values()
        ]

    return router


def _no_product(product_id: str) -> HTTPException:
    return HTTPException(404, f"no product {product_id!r}; GET /products lists those there are")
