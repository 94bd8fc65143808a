"""Listings that end somewhere, and say over HTTP whether there is more. Knows no table."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query, Response

Limit = Annotated[
    int,
    Query(ge=1, le=100_000, description="At most so many; the header X-More says whether there are more."),
]
MORE: Final = "X-More"
"""Header of an answer: ``true`` where the limit left something out, else ``false``."""

Row = TypeVar("Row")


def first(rows: Sequence[Row], limit: int, response: Response) -> list[Row]:
    """Cut a listing that was asked for one more than the limit, and say in a header whether that was there."""
    say_more(response, more=len(rows) > limit)
    return list(rows[:limit])


def say_more(response: Response, *, more: bool) -> None:
    """Say whether the limit left something out."""
    response.headers[MORE] = str(more).lower()


NOT_ALL: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "headers": {
            MORE: {"description": "Whether the limit left something out", "schema": {"type": "boolean"}}
        }
    }
}
"""What a route says of the header."""
