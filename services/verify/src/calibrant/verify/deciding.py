"""The computation of a decide job: it runs in a child process. Must not know tables or the bus.

Joins the measurements of all detectors of a set, adds the tests of whole exposures, and asks the gate.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import DataRef
from calibrant.contracts.verify.v1 import DecideJob
from calibrant.frames.writing import ProductPreview, ProductUnreadableError, read_preview
from calibrant.rules.decision import Decision, Outcome, ProcessingError
from calibrant.rules.gate import decide
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification import (
    ALL_EXPOSURES,
    Limits,
    Scope,
    TestResult,
    Verdict,
    evaluate,
    scatter_of,
    tested_once,
    tests_for,
)
from calibrant.runtime import handlers
from calibrant.runtime.handlers import Artifact, Workspace
from calibrant.verify.assessing import assessed, rules_of
from calibrant.verify.inputs import check_rules
from calibrant.verify.known import Known
from calibrant.verify.measuring.amplifiers import finite
from calibrant.verify.measuring.artifacts import MODES
from calibrant.verify.noticing import findings
from calibrant.verify.reasons import reason_of, tally
from calibrant.verify.reports import (
    DetectorReport,
    MeasurementReport,
    MeasurementRow,
    SetReport,
)
from calibrant.verify.reports import (
    Verdict as DetectorVerdict,
)

ARTIFACT = "report"
PAGE = "page"
MEASUREMENTS = "measurements"
PREVIEWS = "previews"


class MeasurementsRefused(PermanentError):
    """Measurements cannot be joined; the text names the job they are of."""


def report_id(job_id: str) -> str:
    """Name the report of a decide job."""
    return f"report-{job_id[:12]}"


def compute(job: DecideJob, workspace: Workspace) -> handlers.Outcome:
    """Decide on a set.

    Parameters
    ----------
    job : DecideJob
        The measurements of the set, and what is missing.
    workspace : Workspace
        Where measurements are and the report goes.

    Returns
    -------
    Outcome
        The artifacts ``report``, a `SetReport` as JSON, and ``page``, the same for people as HTML, both under
        ``reports/``. The same bytes for the same job and what is known
        of the past.

    Raises
    ------
    MeasurementsRefused
        Measurements or pictures of products are unreadable, of another set, or of one detector twice.
    VersionMismatch
        The job was planned with other tests, limits or thresholds.
    """
    from calibrant.verify.page import render  # noqa: PLC0415  for the child process that writes pages

    report, measured = decided(job, workspace)
    page = render(report, measured, _previews(job, measured, workspace))
    (workspace.scratch / "report.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")
    (workspace.scratch / "report.html").write_text(page, encoding="utf-8")
    return handlers.Outcome(
        artifacts=(
            Artifact(name=ARTIFACT, path="report.json", prefix="reports", media_type="application/json"),
            Artifact(name=PAGE, path="report.html", prefix="reports", media_type="text/html"),
        ),
        data={"outcome": report.decision.outcome.value},
    )


def decided(job: DecideJob, workspace: Workspace) -> tuple[SetReport, Mapping[int, MeasurementReport]]:
    """Decide on a set without writing anything: give its report, and the measurements by detector.

    Parameters and errors are those of `compute`.
    """
    check_rules(job.rules_version)
    measured, refs = _load(job, workspace)
    report = set_report(job, measured, refs)
    return assessed(report, measured, rules_of(workspace), Known(**workspace.known)), measured


def set_report(
    job: DecideJob, measured: Mapping[int, MeasurementReport], refs: Mapping[int, DataRef]
) -> SetReport:
    """Decide on a set, and give the report with every count and threshold behind the decision."""
    limits = _limits(measured.values())
    begins = _begins(measured.values())
    exposures = tuple(begins)
    detectors = sorted({*measured, *job.missing})
    rows, exposure_results = _test_exposures(job.kind, begins, measured.values(), limits)
    results = [*(one for report in measured.values() for one in report.results), *exposure_results]
    decision = _decision(job, measured, results, exposures)
    return SetReport(
        report_id=report_id(job.job_id),
        job_id=job.job_id,
        kind=job.kind,
        mode=MODES[job.mode],
        instrument=job.instrument,
        set_key=job.set_key,
        filter=job.filter,
        exposures=exposures,
        detectors=tuple(
            _detector(one, measured.get(one), decision, job.missing.get(one)) for one in detectors
        ),
        missing=dict(job.missing),
        thresholds=decision.thresholds,
        limits=limits,
        decision=decision,
        exposure_measurements=rows,
        exposure_results=exposure_results,
        findings=findings(job.kind, measured),
        failures=tuple(one for one in results if one.verdict is Verdict.FAIL and not one.advisory),
        measurements=dict(refs),
    )


def _decision(
    job: DecideJob,
    measured: Mapping[int, MeasurementReport],
    results: Iterable[TestResult],
    exposures: Sequence[str],
) -> Decision:
    """Ask the gate; what is tested with all exposures alone is verified in that one of them all."""
    planned = {detector: {frame.exposure_id for frame in one.frames} for detector, one in measured.items()}
    if tested_once(job.kind):
        exposures = exposures and (ALL_EXPOSURES,)
        planned = {detector: set(exposures) for detector in planned}
    errors = _errors(measured.values(), job.missing, exposures)
    thresholds = GateThresholds.model_validate(job.gate.model_dump())
    return decide(results, exposures, sorted({*measured, *job.missing}), thresholds, errors, planned)


def _errors(
    reports: Iterable[MeasurementReport], missing: Mapping[int, str], exposures: Iterable[str]
) -> list[ProcessingError]:
    """Give what could not be measured: single frames, and missing detectors in every exposure."""
    return [
        *(one for report in reports for one in report.errors),
        *(
            ProcessingError(exposure_id=exposure, detector=detector, reason=reason)
            for exposure in exposures
            for detector, reason in missing.items()
        ),
    ]


def _load(job: DecideJob, workspace: Workspace) -> tuple[dict[int, MeasurementReport], dict[int, DataRef]]:
    if job.mode not in MODES:
        raise MeasurementsRefused("the job does not say its mode; give internal or external")
    measured: dict[int, MeasurementReport] = {}
    refs: dict[int, DataRef] = {}
    for one in job.inputs:
        if one.role == PREVIEWS:
            continue
        if one.role != MEASUREMENTS:
            raise MeasurementsRefused(f"{one.id}: a decision has no use for an input of role {one.role!r}")
        try:
            text = workspace.objects.local_path(one.ref).read_text(encoding="utf-8")
            report = MeasurementReport.model_validate_json(text)
        except (ValidationError, UnicodeDecodeError) as problem:
            raise MeasurementsRefused(
                f"{one.ref.uri}: holds no measurements of verify; measure again: {problem}"
            ) from problem
        for what, found, wanted in [
            ("kind", report.kind, job.kind),
            ("instrument", report.instrument, job.instrument),
            ("mode", report.mode, MODES[job.mode]),
        ]:
            if found != wanted:
                raise MeasurementsRefused(f"{one.id}: its {what} is {found}, but the set's is {wanted}")
        if report.detector in measured or report.detector in job.missing:
            raise MeasurementsRefused(f"{one.id}: detector {report.detector} is given twice; give it once")
        measured[report.detector], refs[report.detector] = report, one.ref
    return dict(sorted(measured.items())), dict(sorted(refs.items()))


def _previews(
    job: DecideJob, measured: Mapping[int, MeasurementReport], workspace: Workspace
) -> dict[int, ProductPreview]:
    """Read the small pictures of the products, by detector."""
    detectors = {report.job_id: detector for detector, report in measured.items()}
    found: dict[int, ProductPreview] = {}
    for one in job.inputs:
        if one.role != PREVIEWS:
            continue
        try:
            found[detectors[one.id]] = read_preview(workspace.objects.local_path(one.ref))
        except ProductUnreadableError as problem:
            raise MeasurementsRefused(f"{one.id}: {problem}") from problem
        except KeyError:
            raise MeasurementsRefused(f"{one.id}: has a picture but no measurements; give both") from None
    return dict(sorted(found.items()))


def _limits(reports: Iterable[MeasurementReport]) -> Limits:
    limits = [report.limits for report in reports]
    other = next((one for one in limits if one != limits[0]), None)
    if other is not None:
        raise MeasurementsRefused(
            f"measurements were judged by limits {limits[0].version} and {other.version}; measure again, so that one "
            "set is judged by one"
        )
    return limits[0] if limits else Limits()


def _begins(reports: Iterable[MeasurementReport]) -> dict[str, int]:
    """Give every exposure of the set with its begin (TAI ns; 0: unknown), the earliest first."""
    begins: dict[str, int] = {}
    for report in reports:
        for frame in report.frames:
            known = [t for t in (begins.get(frame.exposure_id), frame.begin_tai_ns) if t]
            begins[frame.exposure_id] = min(known, default=0)
    return dict(sorted(begins.items(), key=lambda item: (item[1], item[0])))


def _test_exposures(
    kind: str, begins: Mapping[str, int], reports: Iterable[MeasurementReport], limits: Limits
) -> tuple[tuple[MeasurementRow, ...], tuple[TestResult, ...]]:
    """Measure and test whole exposures.

    Detectors that could not be measured are left out of the scatter: the gate counts them as failed already.
    """
    if not tests_for(kind, "exposure"):
        return (), ()
    means: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        for row in report.measurements:
            mean = row.values.get("MEAN")
            if row.amplifier is None and mean is not None:
                means[row.exposure_id].append(mean)
    rows: list[MeasurementRow] = []
    results: list[TestResult] = []
    for exposure, begin_tai_ns in begins.items():
        values = scatter_of(means[exposure])
        rows.append(MeasurementRow(exposure_id=exposure, values=finite(values)))
        at = Scope(exposure_id=exposure, begin_tai_ns=begin_tai_ns or None)
        results += evaluate(kind, values, limits, at)
    return tuple(rows), tuple(results)


def _detector(
    detector: int,
    measured: MeasurementReport | None,
    decision: Decision,
    missing: str | None,
) -> DetectorReport:
    mine = () if measured is None else measured.results
    counted = tally(mine)
    unmeasured = any(found == detector for _, found in decision.counts.unmeasured)
    verdict = _verdict(detector, decision, clean=counted.failed == 0 and not unmeasured)
    return DetectorReport(
        detector=detector,
        product_id="" if measured is None else measured.product_id,
        verdict=verdict,
        accepted=verdict in {"certified", "certified with failures"} and measured is not None,
        reason=f"missing: {missing}" if missing is not None else reason_of(detector, decision, mine),
        tally=counted,
    )


def _verdict(detector: int, decision: Decision, *, clean: bool) -> DetectorVerdict:
    if decision.outcome is Outcome.NOT_CERTIFIED:
        return "not certified"
    if detector in decision.withheld:
        return "withheld"
    return "certified" if clean else "certified with failures"
