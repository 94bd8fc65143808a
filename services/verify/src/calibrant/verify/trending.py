"""A metric over time: every exposure beside the history before it. Reads; decides nothing.

The history of an exposure is what it is for a report: exposures of certified products, of earlier nights, of the same
detector, amplifier, kind and filter. It is taken as all is certified now, while a report keeps what it was then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from sqlmodel import Session, col

from calibrant.frames.times import begin_of_night, day_obs, utc_text
from calibrant.rules.trends import TrendRules, history_of, place_of
from calibrant.verify.certified import certified_by
from calibrant.verify.history import internal
from calibrant.verify.store import MeasurementRow, MetricRow


@dataclass(frozen=True, slots=True)
class Which:
    """Which numbers are looked at; None: all.

    Parameters
    ----------
    instrument, metric : str
        Whose, and which: the names that `calibrant reports show` has.
    kind, detector, amplifier, filter
        Only these.
    """

    instrument: str
    metric: str
    kind: str | None = None
    detector: int | None = None
    amplifier: str | None = None
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class _Point:
    kind: str
    detector: int
    amplifier: str | None
    filter: str | None
    begin_tai_ns: int
    exposure: str
    product: str
    value: float | None
    unit: str
    certified: bool

    @property
    def series(self) -> tuple[str, int, str, str]:
        """What it is a point of."""
        return self.kind, self.detector, self.amplifier or "", self.filter or ""


def trend(
    session: Session,
    which: Which,
    rules: TrendRules,
    *,
    since_tai_ns: int | None = None,
    until_tai_ns: int | None = None,
) -> list[dict[str, Any]]:
    """Give a metric over time, series by series, in order of the exposures' begins.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    which : Which
        Which numbers.
    rules : TrendRules
        When a number is out of family.
    since_tai_ns, until_tai_ns : int or None
        Only exposures in [since, until), TAI ns; their history may be older.

    Returns
    -------
    list of dict
        Each with ``kind, detector, amplifier, filter, begin`` (UTC) ``, begin_tai_ns, exposure, product, value, unit,
        certified``, and of the history before it ``points, median, mad, z, out, because``.
    """
    points = sorted(
        _points(session, which, until_tai_ns), key=lambda one: (one.series, one.begin_tai_ns, one.exposure)
    )
    lines: list[dict[str, Any]] = []
    for _, series in groupby(points, key=lambda one: one.series):
        lines += _series(list(series), rules)
    return [line for line in lines if since_tai_ns is None or line["begin_tai_ns"] >= since_tai_ns]


def _series(points: list[_Point], rules: TrendRules) -> Iterator[dict[str, Any]]:
    """Place each point; those of one night have one history."""
    past: list[float | None] = []
    for _, night in groupby(points, key=lambda one: begin_of_night(day_obs(one.begin_tai_ns))):
        tonight = list(night)
        history = history_of(past[-rules.length :])
        for point in tonight:
            lies = place_of(point.value, history, rules)
            yield {
                **asdict(point),
                "begin": utc_text(point.begin_tai_ns),
                "points": 0 if history is None else history.points,
                "median": None if history is None else history.median,
                "mad": None if history is None else history.mad,
                **lies._asdict(),
            }
        past += [point.value for point in tonight if point.certified]


def _points(session: Session, which: Which, until_tai_ns: int | None) -> Iterable[_Point]:
    """Read the points; of an exposure that was measured more than once the last recorded, certified if any was."""
    columns = (
        MetricRow.kind,
        MetricRow.detector,
        MetricRow.amplifier,
        MeasurementRow.filter,
        MetricRow.begin_tai_ns,
        MetricRow.exposure_id,
        MetricRow.product_id,
        MetricRow.value,
        MetricRow.unit,
        certified_by(col(MeasurementRow.product_id)),
    )
    query = internal(*columns).where(
        col(MetricRow.instrument) == which.instrument, col(MetricRow.name) == which.metric
    )
    wanted = [
        (MetricRow.kind, which.kind),
        (MetricRow.detector, which.detector),
        (MetricRow.amplifier, which.amplifier),
        (MeasurementRow.filter, which.filter),
    ]
    for column, value in wanted:
        if value is not None:
            query = query.where(col(column) == value)
    if until_tai_ns is not None:
        query = query.where(col(MetricRow.begin_tai_ns) < until_tai_ns)
    found: dict[tuple[Any, ...], _Point] = {}
    for row in session.execute(query.order_by(col(MeasurementRow.recorded_tai_ns), col(MetricRow.job_id))):
        point = _Point(*row)
        key = (*point.series, point.exposure)
        if key not in found or point.certified or not found[key].certified:
            found[key] = point
    return found.values()
