"""A set as one flat table: a row for each amplifier, detector and exposure. Owns its columns and their units.

Columns are ``instrument, exposure, detector, mjd, amplifier``, then ``STAGE_STAT`` and ``STAGE_VERIFY_TEST`` of
amplifiers, with ``DET_`` in the middle on rows of whole detectors (amplifier ``detector``) and ``EXP_`` on those of
whole exposures (amplifier ``exposure``, no detector). What is measured once, with all exposures of a set together, has
rows of its own, of the exposure ``*`` without a time. What does not apply is masked.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from astropy import units
from astropy.table import MaskedColumn, Table

from calibrant.rules.verification import TestResult
from calibrant.verify.exports.nested import mjd_tai, passed
from calibrant.verify.measuring.units import UNITS
from calibrant.verify.reports import MeasurementReport, MeasurementRow, SetReport

Row = dict[str, Any]
FIXED: Final[Mapping[str, type]] = {
    "instrument": str,
    "exposure": str,
    "detector": int,
    "mjd": float,
    "amplifier": str,
    "physical_filter": str,
}
DETECTOR: Final = "detector"
EXPOSURE: Final = "exposure"
_INFIX: Final = {DETECTOR: "DET_", EXPOSURE: "EXP_"}


def table(report: SetReport, measured: Mapping[int, MeasurementReport]) -> Table:
    """Return a set's statistics and verdicts as an astropy table, units with the columns.

    Parameters
    ----------
    report : SetReport
        What was decided.
    measured : mapping of int to MeasurementReport
        The measurements it was decided by, by detector.
    """
    rows = list(_rows(report, measured))
    stage = report.kind.upper()
    fixed = [name for name in FIXED if name != "physical_filter" or report.filter is not None]
    others = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in FIXED]
    names = [*fixed, *sorted(others, key=lambda name: "VERIFY_" in name)]
    found = Table({name: _column(name, [row.get(name) for row in rows], stage) for name in names})
    found.meta.update(
        report=report.report_id, outcome=report.decision.outcome.value, mjd="TAI, start of the exposure"
    )
    return found


def _rows(report: SetReport, measured: Mapping[int, MeasurementReport]) -> Iterator[Row]:
    stage = report.kind.upper()
    first: dict[str, int] = {}
    for number, one in measured.items():
        begins = {frame.exposure_id: frame.begin_tai_ns for frame in one.frames}
        for exposure, begin in begins.items():
            if begin is not None:
                first[exposure] = min(begin, first.get(exposure, begin))
        verdicts = _by_place(one.results)
        for row in one.measurements:
            place = row.amplifier or DETECTOR
            found = verdicts.get((row.exposure_id, place), ())
            fixed = _fixed(report, row, begins.get(row.exposure_id))
            yield {**fixed, "detector": number, "amplifier": place, **_cells(stage, place, row, found)}
    verdicts = _by_place(report.exposure_results)
    for row in report.exposure_measurements:
        found = verdicts.get((row.exposure_id, EXPOSURE), ())
        fixed = _fixed(report, row, first.get(row.exposure_id))
        yield {**fixed, "amplifier": EXPOSURE, **_cells(stage, EXPOSURE, row, found)}


def _fixed(report: SetReport, row: MeasurementRow, begin_tai_ns: int | None) -> Row:
    return {
        "instrument": report.instrument,
        "exposure": row.exposure_id,
        "mjd": mjd_tai(begin_tai_ns),
        "physical_filter": report.filter,
    }


def _by_place(results: Iterable[TestResult]) -> dict[tuple[str, str], list[TestResult]]:
    found: dict[tuple[str, str], list[TestResult]] = {}
    for one in results:
        place = one.amplifier or (EXPOSURE if one.detector is None else DETECTOR)
        found.setdefault((one.exposure_id, place), []).append(one)
    return found


def _cells(stage: str, place: str, row: MeasurementRow, results: Iterable[TestResult]) -> Row:
    prefix = f"{stage}_{_INFIX.get(place, '')}"
    return {
        **{f"{prefix}{name}": value for name, value in row.values.items()},
        **{f"{prefix}VERIFY_{one.test}": passed(one) for one in results},
    }


def _column(name: str, values: list[Any], stage: str) -> MaskedColumn:
    kind = FIXED.get(name, bool if "VERIFY_" in name else float)
    missing = [value is None for value in values]
    filled = [kind() if value is None else kind(value) for value in values]
    column = MaskedColumn(np.array(filled, dtype=kind), name=name, mask=missing)
    if name == "mjd":
        column.unit = units.day
    elif kind is float:
        stat = name.removeprefix(f"{stage}_").removeprefix("DET_").removeprefix("EXP_")
        unit = UNITS.get(stat, "electron")
        column.unit = None if unit == "1" else units.Unit(unit)
    return column
