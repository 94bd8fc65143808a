"""A set as nested dictionaries: every statistic and verdict by detector, what failed by exposure and by run.

Owns the shape. What is made once, with all exposures of a set together, stands under the exposure ``*``. ``true`` and ``false`` are verdicts, ``null`` is not applicable; advisory tests are in VERIFY and never
in SUCCESS or FAILURES, which the gate's tests alone decide.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from calibrant.rules.tally import MEASURED
from calibrant.rules.verification import ALL_EXPOSURES, TestResult, Verdict, tested_once
from calibrant.verify.reports import FrameRecord, MeasurementReport, SetReport

Nested = dict[str, Any]


def nested(report: SetReport, measured: Mapping[int, MeasurementReport]) -> Nested:
    """Return a set's statistics and verdicts.

    Parameters
    ----------
    report : SetReport
        What was decided.
    measured : mapping of int to MeasurementReport
        The measurements it was decided by, by detector.

    Returns
    -------
    dict
        ``verifyKINDStats`` (run), ``verifyKINDExpStats`` by exposure and ``verifyKINDDetStats`` by exposure and
        detector, with KIND such as Bias or DarkCurrent; the exposure ``*`` is last, where something is made once, and alone where
        all is.
    """
    names = detector_names(report, measured)
    single = () if tested_once(report.kind) else report.exposures
    detectors: dict[str, Nested] = {exposure: {} for exposure in single}
    for number, one in measured.items():
        for frame in (frame for frame in one.frames if frame.exposure_id in detectors):
            detectors[frame.exposure_id][names[number]] = _detector(one, frame.exposure_id, _metadata(frame))
        if any(result.exposure_id == ALL_EXPOSURES for result in one.results):
            once = detectors.setdefault(ALL_EXPOSURES, {})
            once[names[number]] = _detector(one, ALL_EXPOSURES, {})
    exposures = {exposure: _exposure(exposure, report, of, names) for exposure, of in detectors.items()}
    kind = "".join(word.capitalize() for word in report.kind.split("-"))
    return {
        f"verify{kind}Stats": {"INSTRUMENT": report.instrument, **_run(report, exposures)},
        f"verify{kind}ExpStats": exposures,
        f"verify{kind}DetStats": detectors,
    }


def detector_names(report: SetReport, measured: Mapping[int, MeasurementReport]) -> dict[int, str]:
    """Return what each detector is called: its name, or its number where it has none of its own."""
    given = Counter(one.detector_name for one in measured.values())
    names = {one.detector: str(one.detector) for one in report.detectors}
    return names | {n: one.detector_name for n, one in measured.items() if given[one.detector_name] == 1}


def mjd_tai(begin_tai_ns: int | None) -> float | None:
    """Return an instant as a modified Julian date in days of TAI."""
    return None if begin_tai_ns is None else 40587 + begin_tai_ns / 86_400e9


def passed(result: TestResult) -> bool | None:
    """Return a verdict as true or false; None where the test does not apply."""
    return None if result.verdict is Verdict.NOT_APPLICABLE else result.verdict is Verdict.PASS


def _metadata(frame: FrameRecord) -> Nested:
    return {
        "MJD": mjd_tai(frame.begin_tai_ns),
        "FILE": frame.file_name,
        "IN_REFERENCE": frame.in_reference,
    }


def _detector(one: MeasurementReport, exposure: str, metadata: Nested) -> Nested:
    """Return the statistics and verdicts of one detector in one exposure, or in all of them together."""
    rows = [row for row in one.measurements if row.exposure_id == exposure]
    results = [result for result in one.results if result.exposure_id == exposure]
    failures = _failures(results)
    by_amplifier: dict[str, list[TestResult]] = defaultdict(list)
    for result in results:
        by_amplifier[result.amplifier or ""].append(result)
    whole = by_amplifier.pop("", [])
    return {
        "AMP": {row.amplifier: dict(row.values) for row in rows if row.amplifier is not None},
        "METADATA": metadata,
        "CATALOG": {},
        "DET": {name: value for row in rows if row.amplifier is None for name, value in row.values.items()},
        "ISR": one.correction.model_dump(mode="json", exclude_none=True),
        "VERIFY": {
            "AMP": {
                name: {**_verdicts(found), "SUCCESS": not _failures(found)}
                for name, found in by_amplifier.items()
            },
            "DET": _verdicts(whole),
        },
        **_outcome(failures if results else [MEASURED]),
    }


def _exposure(exposure: str, report: SetReport, detectors: Nested, names: Mapping[int, str]) -> Nested:
    """Return what failed in one exposure, by detector, and the exposure's own statistics."""
    of_detectors = {name: _outcome(one.get("FAILURES", [])) for name, one in detectors.items()}
    if exposure != ALL_EXPOSURES or tested_once(report.kind):
        of_detectors |= {names[number]: _outcome([MEASURED]) for number in report.missing}
    results = [one for one in report.exposure_results if one.exposure_id == exposure]
    values = [dict(row.values) for row in report.exposure_measurements if row.exposure_id == exposure]
    own = {"EXP": values[0], "VERIFY": {"EXP": _verdicts(results)}} if values else {}
    failed = _failures(results)
    good = bool(of_detectors) and not failed and all(one["SUCCESS"] for one in of_detectors.values())
    return {**of_detectors, **own, "SUCCESS": good}


def _run(report: SetReport, exposures: Mapping[str, Nested]) -> Nested:
    """Return what failed in each exposure, and whether nothing did."""
    own: dict[str, list[TestResult]] = defaultdict(list)
    for one in report.exposure_results:
        own[one.exposure_id].append(one)
    found = {
        exposure: _outcome([*_failures(own[exposure]), *_named(detectors)])
        for exposure, detectors in exposures.items()
    }
    return {**found, "SUCCESS": bool(found) and all(one["SUCCESS"] for one in found.values())}


def _named(detectors: Nested) -> Iterable[str]:
    """Yield what failed in the detectors of an exposure: "R22_S21 C17 NOISE"."""
    for name, one in detectors.items():
        if isinstance(one, dict):
            yield from (f"{name} {failure}" for failure in one.get("FAILURES", ()))


def _verdicts(results: Iterable[TestResult]) -> dict[str, bool | None]:
    return {one.test: passed(one) for one in results}


def _failures(results: Iterable[TestResult]) -> list[str]:
    """Name what failed and counts: "C17 NOISE", "SCATTER"."""
    failed = [one for one in results if one.verdict is Verdict.FAIL and not one.advisory]
    return [f"{one.amplifier} {one.test}" if one.amplifier else one.test for one in failed]


def _outcome(failures: list[str]) -> Nested:
    return {"SUCCESS": False, "FAILURES": list(failures)} if failures else {"SUCCESS": True}
