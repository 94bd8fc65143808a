"""The computation of a measure job: it runs in a child process. Must not know tables or the bus.

A frame that cannot be processed fails its tests and is named; it does not stop the others.
"""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import JobInput
from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames.measured import heard
from calibrant.frames.reading import FrameRejected, HeaderFacts, OpenFrame
from calibrant.pixels import (
    FlatStatistics,
    FrameStatistics,
    Others,
    flat_statistics,
    frame_statistics,
)
from calibrant.pixels.memory import PASS_BYTES, threads_within
from calibrant.rules.decision import ProcessingError
from calibrant.rules.verification import (
    Scope,
    TestResult,
    evaluate,
    scatter_of,
)
from calibrant.runtime.handlers import Outcome, Workspace
from calibrant.verify.inputs import (
    DEFECTS,
    FRAMES,
    InputRefused,
    file_name_of,
    open_frame,
    opened_beside,
)
from calibrant.verify.measuring.amplifiers import (
    Values,
    common_values,
    cosmic_ray_values,
    failed_values,
    finite,
    flat_values,
)
from calibrant.verify.measuring.artifacts import amplifiers_of, mode_of, products_of, written
from calibrant.verify.measuring.bench import Bench, bench_of
from calibrant.verify.measuring.compositions import composition
from calibrant.verify.measuring.defects import regions_told, values_with_and_without
from calibrant.verify.measuring.membership import membership
from calibrant.verify.measuring.once import measured_once
from calibrant.verify.measuring.products import product_values
from calibrant.verify.measuring.references import Correction
from calibrant.verify.reports import FrameRecord, MeasurementReport, MeasurementRow

PIXEL_BYTES = 88
"""A pixel of a flat of one amplifier while its noise is measured, which takes most, and as it is stored."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What came of one frame."""

    frame: FrameRecord
    rows: tuple[MeasurementRow, ...]
    results: tuple[TestResult, ...]
    errors: tuple[ProcessingError, ...] = ()
    pixels: int = 0
    backend: str = ""


def compute(job: MeasureJob, workspace: Workspace) -> Outcome:
    """Measure the frames of a job and test the measurements.

    Parameters
    ----------
    job : MeasureJob
        Which frames, against which product.
    workspace : Workspace
        Where inputs are and the measurements go.

    Returns
    -------
    Outcome
        The artifacts ``measurements``, a `MeasurementReport` as JSON, and ``preview``, the product as a small
        picture, both under ``reports/``. The same bytes for the same job.

    Raises
    ------
    PermanentError
        Versions differ, or a product is missing or does not fit; the text says which and what to do.
    """
    bench = bench_of(job, workspace)
    frames = sorted((one for one in job.inputs if one.role == FRAMES), key=lambda one: one.id)
    if not frames:
        raise InputRefused(f"no frames of detector {job.detector} to measure; a {job.kind} needs some")
    with ThreadPoolExecutor(at_once(job, bench.correction), thread_name_prefix="measure") as pool:
        measured = list(pool.map(lambda one: _measure(one, bench, workspace), frames))
    measured.sort(key=lambda one: (one.frame.begin_tai_ns or 0, one.frame.exposure_id, one.frame.frame_id))
    by_id = {one.id: one for one in frames}
    good = [by_id[one.frame.frame_id] for one in measured if not one.errors]
    once = measured_once(bench, good, measured[0].frame.begin_tai_ns, workspace)
    report = MeasurementReport(
        job_id=job.job_id,
        kind=job.kind,
        mode=mode_of(job),
        instrument=job.instrument,
        instrument_hash=job.instrument_hash,
        engine_version=job.engine_version,
        rules_version=job.rules_version,
        detector=job.detector,
        detector_name=bench.instrument.detector(job.detector).name,
        position=bench.instrument.detector(job.detector).position,
        amplifiers=amplifiers_of(bench.correction.geometry),
        product_id=job.reference.product_id,
        product_values={
            name: finite(values)
            for name, values in product_values(bench.products.verified, bench.instrument).items()
        },
        correction=bench.choices,
        products=products_of(job),
        limits=bench.instrument.limits(),
        frames=tuple(one.frame for one in measured),
        measurements=(*(row for one in measured for row in one.rows), *once.rows),
        results=(*(result for one in measured for result in one.results), *once.results),
        regions=regions_told(bench.products.verified.mask) if job.kind == DEFECTS else (),
        errors=tuple(error for one in measured for error in one.errors),
    )
    return Outcome(
        artifacts=written(report, workspace, bench.products.verified),
        data={"errors": len(report.errors)},
        backend=next((one.backend for one in measured if one.backend), ""),
        pixels=sum(one.pixels for one in measured),
    )


def at_once(job: MeasureJob, correction: Correction) -> int:
    """Return how many frames are measured at the same time: one a core, but what half of the job's memory holds.

    Parameters
    ----------
    job : MeasureJob
        Says the memory that it may take; 0: no limit.
    correction : Correction
        Says the detector, and whether frames are corrected as a whole.
    """
    each = PIXEL_BYTES if correction.signature.reach is not None else PASS_BYTES
    return threads_within(job.memory_bytes, each * math.prod(correction.geometry.raw_shape))


def _measure(one: JobInput, bench: Bench, workspace: Workspace) -> _Measured:
    record = FrameRecord(
        frame_id=one.id,
        exposure_id=one.exposure_id or one.id,
        file_name=file_name_of(one),
        in_reference=one.id in bench.products.frame_ids,
    )
    try:
        with (
            open_frame(one, bench.job, bench.instrument, workspace) as frame,
            opened_beside(
                one,
                bench.job,
                bench.instrument,
                workspace,
                choices=bench.choices,
                detectors=heard(bench.correction.signature),
            ) as others,
        ):
            record = record.model_copy(update=_told(frame.facts))
            if bench.job.kind == DEFECTS:
                return _defects(record, frame, bench, others)
            member = membership(bench.products.verified, one.id, frame.facts.dark_time_s, bench.products.bias)
            found = _statistics(frame, bench, one.id, others)
    except (FrameRejected, PermanentError, ValueError) as problem:
        return _failed(record, bench, str(problem))
    values: dict[str, Values] = {}
    problems: dict[str, str] = {}
    dark_e = bench.instrument.detector(bench.job.detector).dark_current_e_per_s * (
        frame.facts.dark_time_s or 0.0
    )
    for amplifier in bench.correction.geometry.amplifiers:
        name = amplifier.name
        expected_e = member.expected_noise_e(amplifier, bench.correction.signature.overscan.method, dark_e)
        values[name] = common_values(amplifier, found.amplifiers[name], found.overscan[name], expected_e)
        if isinstance(found, FrameStatistics) and name in found.cosmic_rays:
            more, problems[name] = cosmic_ray_values(found.amplifiers[name], found.cosmic_rays[name])
            values[name] |= more
        if isinstance(found, FlatStatistics):
            noise = found.noise[name]
            problems[name] = f"{name}: {noise}" if isinstance(noise, str) else ""
            values[name] |= {**flat_values(noise), "ILLUMINATION": found.illumination[name]}
            values[name]["PROCESSING_ERRORS"] = float(bool(problems[name]))
    judged = _judged(record, bench, values, problems)
    return replace(judged, pixels=math.prod(frame.rows.shape), backend=found.backend)


def _told(facts: HeaderFacts) -> dict[str, float | None]:
    """Return what a frame's header tells and its record keeps."""
    return {
        "begin_tai_ns": facts.begin_tai_ns,
        "exposure_time_s": facts.exptime_s,
        **asdict(facts.claims),
    }


def _statistics(
    frame: OpenFrame, bench: Bench, frame_id: str, others: Others
) -> FrameStatistics | FlatStatistics:
    """Correct and measure a frame row by row; a flat's noise before the division by the flat, too."""
    correction = bench.correction
    terms = correction.terms(frame.facts.dark_time_s, others)
    if correction.signature.flat is None:
        return frame_statistics(frame.rows, correction.geometry, correction.signature, terms)
    return flat_statistics(
        frame.rows,
        correction.geometry,
        correction.signature,
        terms=terms,
        composition=composition(bench.products.verified, frame_id, correction.level_e),
    )


def _defects(record: FrameRecord, frame: OpenFrame, bench: Bench, others: Others) -> _Measured:
    """Measure a frame with the verified mask of defects and without it."""
    correction = bench.correction
    mask = bench.products.verified.mask
    if mask is None:
        raise InputRefused(f"{bench.job.reference.product_id}: has no mask of defects")
    terms = correction.terms(frame.facts.dark_time_s, others)
    dark = frame.facts.image_type == "dark"
    values = values_with_and_without(frame.rows, correction, terms, mask, dark=dark)
    judged = _judged(record, bench, values, {})
    return replace(judged, pixels=math.prod(frame.rows.shape), backend="cpu")


def _failed(record: FrameRecord, bench: Bench, reason: str) -> _Measured:
    """Give the measurements of a frame that could not be processed: it fails every test that decides."""
    values = {amplifier.name: failed_values() for amplifier in bench.correction.geometry.amplifiers}
    error = ProcessingError(exposure_id=record.exposure_id, detector=bench.job.detector, reason=reason)
    judged = _judged(record, bench, values, dict.fromkeys(values, reason))
    return _Measured(judged.frame, judged.rows, judged.results, (error,))


def _judged(
    record: FrameRecord, bench: Bench, values: Mapping[str, Values], problems: Mapping[str, str]
) -> _Measured:
    """Test the numbers of a frame's amplifiers, and those of its detector."""
    kind, limits = bench.job.kind, bench.instrument.limits()
    exposure, begin = record.exposure_id, record.begin_tai_ns
    detector = Scope(exposure_id=exposure, detector=bench.job.detector, begin_tai_ns=begin)
    whole = scatter_of([one.get("MEAN") for one in values.values()])
    if any("MEAN" in one for one in values.values()):  # of a frame that could not be processed nothing passes
        whole["BAD_FRACTION"] = bench.products.verified.bad_fraction
    results: list[TestResult] = []
    for name, numbers in values.items():
        results += evaluate(kind, numbers, limits, detector.model_copy(update={"amplifier": name}))
    results += evaluate(kind, whole, limits, detector)
    rows = [
        MeasurementRow(
            exposure_id=exposure, amplifier=name, values=finite(numbers), problem=problems.get(name, "")
        )
        for name, numbers in values.items()
    ]
    rows.append(MeasurementRow(exposure_id=exposure, values=finite(whole)))
    return _Measured(record, tuple(rows), tuple(results))
