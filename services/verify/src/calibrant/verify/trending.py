"""A metric over time: every exposure beside the history before it. Reads; decides nothing.

The history of an exposure is what it is for a report: exposures of certified products, of earlier nights, of the same
detector, amplifier, kind and filter. It is taken as all is certified now, while a report keeps what it was then. No more
is read than is shown and the history before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from calibrant.frames.times import begin_of_night, day_obs, utc_text
from calibrant.rules.times import DAY_S, NS_PER_S
from calibrant.rules.trends import TrendRules, history_of, place_of
from calibrant.verify.history import Whose, before
from calibrant.verify.latest import Reading, Wanted, latest
from calibrant.verify.tables import MeasurementRow, MetricRow

MOST: Final = 1000
"""Frames that are shown where nobody says how many."""

Series = tuple[str, int, str, str]
"""Kind, detector, amplifier and filter; none is the empty text."""


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

    @property
    def sets(self) -> list[ColumnElement[bool]]:
        """The conditions on sets."""
        wanted = {
            MeasurementRow.instrument: self.instrument,
            MeasurementRow.kind: self.kind,
            MeasurementRow.detector: self.detector,
            MeasurementRow.filter: self.filter,
        }
        return [col(column) == value for column, value in wanted.items() if value is not None]

    @property
    def numbers(self) -> list[ColumnElement[bool]]:
        """The conditions on their numbers."""
        named = [col(MetricRow.name) == self.metric]
        return named if self.amplifier is None else [*named, col(MetricRow.amplifier) == self.amplifier]


class Trend(NamedTuple):
    """A metric over time.

    Parameters
    ----------
    lines : list of dict
        Series by series, in order of the exposures' begins. Each with ``kind, detector, amplifier, filter, begin``
        (UTC) ``, begin_tai_ns, exposure, product, value, unit, certified``, and of the history before it ``points,
        median, mad, z, out, because``.
    more : bool
        Whether older frames are left out.
    """

    lines: list[dict[str, Any]]
    more: bool


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

    @classmethod
    def of(cls, one: Reading) -> "_Point":
        """Make the point of a reading."""
        return cls(
            one.of.kind,
            one.of.detector,
            one.amplifier,
            one.of.filter,
            one.begin_tai_ns,
            one.exposure,
            one.of.product_id,
            one.value,
            one.unit,
            one.of.certified,
        )

    @property
    def series(self) -> Series:
        """What it is a point of."""
        return self.kind, self.detector, self.amplifier or "", self.filter or ""

    @property
    def frame(self) -> tuple[int, str]:
        """What it was measured of."""
        return self.detector, self.exposure


def trend(
    session: Session,
    which: Which,
    rules: TrendRules,
    *,
    since_tai_ns: int | None = None,
    until_tai_ns: int | None = None,
    most: int = MOST,
) -> Trend:
    """Give a metric over time.

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
    most : int
        At most so many frames (a frame: one detector of one exposure, with all its amplifiers), the latest ones.
    """
    # a night begins at most a day before any of its exposures
    since_night = None if since_tai_ns is None else since_tai_ns - DAY_S * NS_PER_S
    wanted = Wanted(which.sets, which.numbers, most + 1, since_night, until_tai_ns)
    points = _once(latest(session, wanted, floor=_night_of))
    begins = {one.frame: one.begin_tai_ns for one in points}
    frames = sorted((begin, *frame) for frame, begin in begins.items() if begin >= (since_tai_ns or begin))
    shown = {(detector, exposure) for _, detector, exposure in frames[-most:]}
    if not shown:
        return Trend([], more=False)
    origin = _night_of(frames[-most:][0][0])
    later = [one for one in points if one.begin_tai_ns >= origin]
    past = _before(session, which, {(one.kind, one.detector, one.filter) for one in later}, origin, rules)
    ordered = sorted(later, key=lambda one: (one.series, one.begin_tai_ns, one.exposure))
    lines: list[dict[str, Any]] = []
    for series, found in groupby(ordered, key=lambda one: one.series):
        lines += (
            asdict(point) | facts
            for point, facts in _placed(found, past[series], rules)
            if point.frame in shown
        )
    return Trend(lines, more=len(frames) > most)


def _placed(
    points: Iterable[_Point], past: list[float | None], rules: TrendRules
) -> Iterator[tuple[_Point, dict[str, Any]]]:
    """Place each point of a series; those of one night have one history."""
    for _, night in groupby(points, key=lambda one: _night_of(one.begin_tai_ns)):
        tonight = list(night)
        history = history_of(past[-rules.length :])
        for point in tonight:
            yield (
                point,
                {
                    "begin": utc_text(point.begin_tai_ns),
                    "points": 0 if history is None else history.points,
                    "median": None if history is None else history.median,
                    "mad": None if history is None else history.mad,
                    **place_of(point.value, history, rules)._asdict(),
                },
            )
        past += [point.value for point in tonight if point.certified]


def _before(
    session: Session,
    which: Which,
    groups: Iterable[tuple[str, int, str | None]],
    origin_tai_ns: int,
    rules: TrendRules,
) -> Mapping[Series, list[float | None]]:
    """Read the numbers of certified products before an instant, by series in order of the exposures' begins."""
    past: dict[Series, list[float | None]] = defaultdict(list)
    for kind, detector, filter_name in groups:
        whose = Whose(which.instrument, kind, detector, filter_name)
        found = _once(before(session, whose, which.numbers, origin_tai_ns, length=rules.length))
        for point in sorted(found, key=lambda one: (one.begin_tai_ns, one.exposure)):
            past[point.series].append(point.value)
    return past


def _once(readings: Iterable[Reading]) -> list[_Point]:
    """Keep of an exposure that was measured more than once the last recorded, certified if any was."""
    found: dict[tuple[Any, ...], _Point] = {}
    for point in map(_Point.of, readings):
        key = (*point.series, point.exposure)
        if key not in found or point.certified or not found[key].certified:
            found[key] = point
    return list(found.values())


def _night_of(tai_ns: int) -> int:
    """Return when the night of an instant begins; both TAI ns."""
    return begin_of_night(day_obs(tai_ns))
