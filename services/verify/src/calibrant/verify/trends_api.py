"""A metric over time over HTTP, each exposure beside the history before it."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response

from calibrant.frames.times import parse_time
from calibrant.rules.trends import TrendRules
from calibrant.runtime.database import Database
from calibrant.runtime.listing import NOT_ALL, say_more
from calibrant.verify.store import VerifyQueries
from calibrant.verify.trending import MOST, Which, trend
from calibrant.verify.unmeasured import unmeasured

_TIME = "Such as 2026-01-01T00:00:00; UTC unless it ends in TAI."
_LIMIT = "At most so many frames (one detector of one exposure), the latest; the header X-More says whether there are more."
_NO_METRIC = "Nobody measures it, or nothing of the instrument was measured; the detail says what there is"


def trends_routes(database: Database, rules: TrendRules) -> APIRouter:
    """Return the route of trends."""
    router = APIRouter(tags=["verification"])

    @router.get(
        "/trends",
        summary="Give a metric over time, with the history before each exposure and what is out of family",
        responses=NOT_ALL | {400: {"description": "No time"}, 404: {"description": _NO_METRIC}},
    )
    def trends(
        response: Response,
        *,
        instrument: str,
        metric: str,
        kind: str | None = None,
        detector: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
        amplifier: str | None = None,
        filter: str | None = None,  # noqa: A002 - the field's word
        since: Annotated[str | None, Query(description=_TIME)] = None,
        until: Annotated[str | None, Query(description=_TIME)] = None,
        limit: Annotated[int, Query(ge=1, le=100_000, description=_LIMIT)] = MOST,
    ) -> list[dict[str, Any]]:
        which = Which(instrument, metric, kind, detector, amplifier, filter)
        begin, end = _instant("since", since), _instant("until", until)
        with database.reading() as session:
            found = trend(session, which, rules, since_tai_ns=begin, until_tai_ns=end, most=limit)
            nobody = "" if found.lines else unmeasured(VerifyQueries(session), instrument, metric)
        if nobody:
            raise HTTPException(404, nobody)
        say_more(response, more=found.more)
        return found.lines

    return router


def _instant(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError as problem:
        raise HTTPException(400, f"{name}: {problem}") from problem
