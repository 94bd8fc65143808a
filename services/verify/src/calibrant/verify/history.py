"""What became of numbers before: the history of certified products' exposures, and a product's own numbers.

Reads only measurements by which products were made
(internal ones); where an exposure was measured more than once, the last recorded counts. Times are TAI nanoseconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Select
from sqlmodel import Session, col, func, select

from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.verify.v1 import DecideJob, InForce, VerificationMode
from calibrant.frames.times import begin_of_night, day_obs
from calibrant.rules.comparing import numbers_of
from calibrant.rules.trends import TrendRules, history_of
from calibrant.verify.certified import certified_by
from calibrant.verify.known import DetectorHistory, Known, Number, Standing
from calibrant.verify.latest import Reading, Wanted, latest
from calibrant.verify.tables import MeasurementRow, MetricRow

COMPARED = ("NOISE_RATIO", "MEAN", "SCATTER", "BAD_FRACTION", "N_GOOD", "N_EXCLUDED")
"""What a product's numbers are made of."""


class Whose(NamedTuple):
    """A detector's exposures of one kind; filter None: of products without one."""

    instrument: str
    kind: str
    detector: int
    filter: str | None


def gather(job: DecideJob, rules: TrendRules, session: Session) -> Mapping[str, JsonValue]:
    """Read all that is known about a set; nothing where nothing new is made.

    Parameters
    ----------
    job : DecideJob
        The set.
    rules : TrendRules
        Which numbers are looked at, and how far back.
    session : Session
        A transaction for reading.

    Returns
    -------
    mapping
        A `Known`, as JSON.
    """
    if job.mode is not VerificationMode.INTERNAL:
        return {}
    jobs = [one.id for one in job.inputs]
    mine = session.exec(select(MeasurementRow.detector).where(col(MeasurementRow.job_id).in_(jobs))).all()
    first = session.exec(
        select(func.min(MetricRow.begin_tai_ns)).where(col(MetricRow.job_id).in_(jobs))
    ).one()
    before_tai_ns = None if first is None else begin_of_night(day_obs(first))
    known_at = None if job.known_at is None else job.known_at.ns
    history = {}
    if before_tai_ns is not None:
        history = {
            detector: _history(session, job, detector, before_tai_ns, rules) for detector in sorted(mine)
        }
    known = Known(
        before_tai_ns=before_tai_ns,
        known_at_tai_ns=known_at,
        history=history,
        in_force={one.detector: _standing(session, one) for one in job.in_force},
    )
    found: Mapping[str, JsonValue] = known.model_dump(mode="json")
    return found


def before(
    session: Session,
    whose: Whose,
    numbers: Sequence[ColumnElement[bool]],
    before_tai_ns: int,
    *,
    length: int,
    known_at_tai_ns: int | None = None,
) -> list[Reading]:
    """Read numbers of the latest exposures of certified products before an instant.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    whose : Whose
        Of which detector.
    numbers : sequence
        Conditions on `MetricRow`: which numbers.
    before_tai_ns : int
        The instant, TAI ns.
    length : int
        Exposures, the latest ones.
    known_at_tai_ns : int or None
        What was certified later is none of them, TAI ns; None: all is.
    """
    sets = [
        *(col(getattr(MeasurementRow, name)) == value for name, value in whose._asdict().items()),
        certified_by(col(MeasurementRow.product_id), known_at_tai_ns),
    ]
    return latest(session, Wanted(sets, numbers, length, before_tai_ns=before_tai_ns))


def _history(
    session: Session, job: DecideJob, detector: int, before_tai_ns: int, rules: TrendRules
) -> DetectorHistory:
    whose = Whose(job.instrument, job.kind, detector, job.filter)
    names = rules.metrics.get(job.kind, ())
    numbers = [col(MetricRow.name).in_(names), col(MetricRow.amplifier).is_not(None)]
    known_at = None if job.known_at is None else job.known_at.ns
    found = (
        before(session, whose, numbers, before_tai_ns, length=rules.length, known_at_tai_ns=known_at)
        if names
        else []
    )
    values: dict[tuple[str, str], dict[str, float | None]] = {}
    for one in found:
        values.setdefault((one.amplifier or "", one.name), {})[one.exposure] = one.value
    begins = [one.begin_tai_ns for one in found]
    return DetectorHistory(
        exposures=len({one.exposure for one in found}),
        first_tai_ns=min(begins, default=None),
        last_tai_ns=max(begins, default=None),
        products=tuple(sorted({one.of.product_id for one in found})),
        numbers=_summarised(values),
    )


def _summarised(values: Mapping[tuple[str, str], Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    numbers: dict[str, dict[str, Any]] = {}
    for (amplifier, name), by_exposure in sorted(values.items()):
        history = history_of(by_exposure.values())
        if history is not None:
            numbers.setdefault(amplifier, {})[name] = history
    return numbers


def _standing(session: Session, one: InForce) -> Standing:
    columns = (MetricRow.exposure_id, MetricRow.amplifier, MetricRow.name, MetricRow.value)
    wanted = (col(MetricRow.product_id) == one.product_id, col(MetricRow.detector) == one.detector)
    query = _internal(*columns).where(*wanted, col(MetricRow.name).in_(COMPARED))
    rows: dict[tuple[str, str | None], dict[str, float | None]] = {}
    for exposure, amplifier, name, value in session.execute(query):
        rows.setdefault((exposure, amplifier), {})[name] = value
    return Standing(
        product_id=one.product_id,
        begin_tai_ns=_ns(one.validity.begin),
        end_tai_ns=_ns(one.validity.end),
        numbers=_numbers((amplifier, values) for (_, amplifier), values in rows.items()),
    )


def _internal(*columns: Any) -> Select[Any]:
    """Select of numbers that were measured when their product was made."""
    measured: Select[Any] = (
        select(*columns)
        .join(MeasurementRow, col(MeasurementRow.job_id) == MetricRow.job_id)
        .where(MeasurementRow.mode == "internal", col(MetricRow.begin_tai_ns).is_not(None))
    )
    return measured


def _numbers(rows: Iterable[tuple[str | None, Mapping[str, float | None]]]) -> tuple[Number, ...]:
    found = sorted(numbers_of(rows).items(), key=lambda item: (item[0][0] or "", item[0][1]))
    return tuple(Number(amplifier=amplifier, name=name, value=value) for (amplifier, name), value in found)


def _ns(time: TaiTime | None) -> int | None:
    return None if time is None else time.ns
