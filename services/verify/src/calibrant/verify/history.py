"""What became of numbers before: the history of certified products' exposures, and a product's own numbers.

Reads only measurements by which products were made
(internal ones); where an exposure was measured more than once, the last recorded counts. Times are TAI nanoseconds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Select
from sqlmodel import Session, col, func, select

from calibrant.contracts.common.v1 import TaiTime
from calibrant.contracts.verify.v1 import DecideJob, InForce, VerificationMode
from calibrant.frames.times import begin_of_night, day_obs
from calibrant.rules.comparing import numbers_of
from calibrant.rules.trends import TrendRules, history_of
from calibrant.verify.certified import certified_by
from calibrant.verify.known import DetectorHistory, Known, Number, Standing
from calibrant.verify.store import MeasurementRow, MetricRow

COMPARED = ("NOISE_RATIO", "MEAN", "SCATTER", "BAD_FRACTION", "N_GOOD", "N_EXCLUDED")
"""What a product's numbers are made of."""


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


def internal(*columns: Any) -> Select[Any]:
    """Select of numbers that were measured when their product was made."""
    measured: Select[Any] = (
        select(*columns)
        .join(MeasurementRow, col(MeasurementRow.job_id) == MetricRow.job_id)
        .where(MeasurementRow.mode == "internal", col(MetricRow.begin_tai_ns).is_not(None))
    )
    return measured


def _history(
    session: Session, job: DecideJob, detector: int, before_tai_ns: int, rules: TrendRules
) -> DetectorHistory:
    names = rules.metrics.get(job.kind, ())
    wanted = (
        col(MetricRow.instrument) == job.instrument,
        col(MetricRow.detector) == detector,
        col(MetricRow.kind) == job.kind,
        col(MetricRow.name).in_(names),
        col(MetricRow.amplifier).is_not(None),
        col(MetricRow.begin_tai_ns) < before_tai_ns,
        col(MeasurementRow.filter).is_not_distinct_from(job.filter),
        certified_by(col(MeasurementRow.product_id), None if job.known_at is None else job.known_at.ns),
    )
    of_first = col(MetricRow.name).in_(names[:1])  # the others were measured with it
    latest = internal(MetricRow.exposure_id, func.max(MetricRow.begin_tai_ns)).where(*wanted, of_first)
    newest_first = func.max(MetricRow.begin_tai_ns).desc()
    found = session.execute(
        latest.group_by(col(MetricRow.exposure_id)).order_by(newest_first).limit(rules.length)
    ).all()
    exposures = [exposure for exposure, _ in found]
    values: dict[tuple[str, str], dict[str, float | None]] = {}
    products: dict[str, None] = {}
    if exposures:
        begin = min(begin for _, begin in found)
        columns = (
            MetricRow.amplifier,
            MetricRow.name,
            MetricRow.exposure_id,
            MetricRow.value,
            MetricRow.product_id,
        )
        query = internal(*columns).where(*wanted, col(MetricRow.begin_tai_ns) >= begin)
        for amplifier, name, exposure, value, product in session.execute(
            query.order_by(col(MeasurementRow.recorded_tai_ns), col(MetricRow.job_id))
        ):
            values.setdefault((amplifier, name), {})[exposure] = value
            products[product] = None
    return DetectorHistory(
        exposures=len(exposures),
        first_tai_ns=min((begin for _, begin in found), default=None),
        last_tai_ns=max((begin for _, begin in found), default=None),
        products=tuple(sorted(products)),
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
    query = internal(*columns).where(*wanted, col(MetricRow.name).in_(COMPARED))
    rows: dict[tuple[str, str | None], dict[str, float | None]] = {}
    for exposure, amplifier, name, value in session.execute(query):
        rows.setdefault((exposure, amplifier), {})[name] = value
    return Standing(
        product_id=one.product_id,
        begin_tai_ns=_ns(one.validity.begin),
        end_tai_ns=_ns(one.validity.end),
        numbers=_numbers((amplifier, values) for (_, amplifier), values in rows.items()),
    )


def _numbers(rows: Iterable[tuple[str | None, Mapping[str, float | None]]]) -> tuple[Number, ...]:
    found = sorted(numbers_of(rows).items(), key=lambda item: (item[0][0] or "", item[0][1]))
    return tuple(Number(amplifier=amplifier, name=name, value=value) for (amplifier, name), value in found)


def _ns(time: TaiTime | None) -> int | None:
    return None if time is None else time.ns
