"""The latest frames that were measured: walked backwards set by set, so that what is older costs nothing.

Owns the order in which measurements by which products were made (internal ones) are read. Knows neither what is
certified nor what history is. A frame is one detector of one exposure. Times are TAI nanoseconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, select
from sqlmodel import Session, col

from calibrant.verify.certified import certified_by
from calibrant.verify.tables import MeasurementRow, MetricRow

PAGE = 32
"""Sets that are looked up at once."""

Floor = Callable[[int], int]
"""From the begin of the oldest frame that counts to the instant from which all is read; both TAI ns."""


class Measured(NamedTuple):
    """A set's measurements of one detector; certified: as it stands now."""

    job_id: str
    product_id: str
    kind: str
    detector: int
    filter: str | None
    exposures: int
    last_begin_tai_ns: int
    recorded_tai_ns: int
    certified: bool


class Reading(NamedTuple):
    """One number of a frame, or of one of its amplifiers, with the set that it belongs to."""

    of: Measured
    exposure: str
    begin_tai_ns: int
    amplifier: str | None
    name: str
    value: float | None
    unit: str

    @property
    def frame(self) -> tuple[int, str]:
        """What it was measured of."""
        return self.of.detector, self.exposure


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read.

    Parameters
    ----------
    sets, numbers : sequence
        Conditions on `MeasurementRow`, and on `MetricRow`.
    most : int
        Frames, the latest ones.
    since_tai_ns, before_tai_ns : int or None
        Only frames that began in [since, before).
    """

    sets: Sequence[ColumnElement[bool]]
    numbers: Sequence[ColumnElement[bool]]
    most: int
    since_tai_ns: int | None = None
    before_tai_ns: int | None = None


def latest(session: Session, wanted: Wanted, floor: Floor = lambda cut: cut) -> list[Reading]:
    """Read the numbers of the latest frames, and of all others that began at the floor or later.

    Returns
    -------
    list of Reading
        The sets in the order in which they were recorded; a frame that was measured twice has its numbers twice.
    """
    walk = Walk(wanted.most, floor)
    rest = _sets(session, wanted)
    rows = session.connection()  # without the session's own work on each of very many rows
    while batch := walk.next_of(rest):
        walk.take(batch, rows.execute(_numbers(wanted, list(batch))).all())
    found = sorted(walk.numbers, key=lambda one: (one.of.recorded_tai_ns, one.of.job_id))
    return [one for one in found if walk.cut is None or one.begin_tai_ns >= walk.cut]


@dataclass(slots=True)
class Walk:
    """How far a reading went back: ``cut`` is the instant from which all is read, None while too few frames are found."""

    most: int
    floor: Floor
    cut: int | None = None
    numbers: list[Reading] = field(default_factory=list)
    begins: dict[tuple[int, str], int] = field(default_factory=dict)

    def next_of(self, rest: Iterator[Measured]) -> dict[str, Measured]:
        """Take as many sets as may hold what is missing; none: nothing is."""
        batch: dict[str, Measured] = {}
        missing = self.most - len(self.begins)
        for one in rest:
            if self.cut is not None and one.last_begin_tai_ns < self.cut:
                break  # and so is every set after it
            batch[one.job_id] = one
            missing -= one.exposures
            if self.cut is None and missing <= 0:
                break
        return batch

    def take(self, batch: dict[str, Measured], rows: Sequence[Row[Any]]) -> None:
        """Note what a batch holds."""
        found = [Reading._make((batch[row[0]], *row[1:])) for row in rows]
        self.numbers += found
        self.begins |= {one.frame: one.begin_tai_ns for one in found}
        if len(self.begins) >= self.most:
            self.cut = self.floor(sorted(self.begins.values())[-self.most])


def _sets(session: Session, wanted: Wanted) -> Iterator[Measured]:
    """Yield the sets, those whose last frame began latest first; looked up only as far as somebody asks."""
    certified = certified_by(col(MeasurementRow.product_id))
    names = Measured._fields[:-1]
    query: Select[Any] = select(*(getattr(MeasurementRow, name) for name in names), certified)
    first, last = col(MeasurementRow.first_begin_tai_ns), col(MeasurementRow.last_begin_tai_ns)
    query = query.where(col(MeasurementRow.mode) == "internal", last.is_not(None), *wanted.sets)
    if wanted.since_tai_ns is not None:
        query = query.where(last >= wanted.since_tai_ns)
    if wanted.before_tai_ns is not None:
        query = query.where(first < wanted.before_tai_ns)
    query = query.order_by(last.desc(), col(MeasurementRow.job_id)).limit(PAGE)
    for page in count():
        rows = session.execute(query.offset(page * PAGE)).all()
        yield from (Measured(*row) for row in rows)
        if len(rows) < PAGE:
            return


def _numbers(wanted: Wanted, jobs: list[str]) -> Select[Any]:
    columns = ("job_id", "exposure_id", "begin_tai_ns", "amplifier", "name", "value", "unit")
    begin = col(MetricRow.begin_tai_ns)
    query: Select[Any] = select(*(getattr(MetricRow, name) for name in columns))
    query = query.where(col(MetricRow.job_id).in_(jobs), begin.is_not(None), *wanted.numbers)
    if wanted.since_tai_ns is not None:
        query = query.where(begin >= wanted.since_tai_ns)
    return query if wanted.before_tai_ns is None else query.where(begin < wanted.before_tai_ns)
