"""The gate and the data of its report for a large camera, beside one plain pass over the same verdicts.

Alone: ``python tests/bench/deciding.py``.
"""

from __future__ import annotations

import time
from collections import Counter

from figures import Figure, show
from rich.console import Console

from calibrant.contracts.verify.v1 import DecideJob, Gate, VerificationMode
from calibrant.frames.correcting import Choices
from calibrant.rules.gate import decide
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification import Limits, Scope, evaluate
from calibrant.rules.version import verification_version
from calibrant.verify.deciding import set_report
from calibrant.verify.reports import FrameRecord, MeasurementReport, MeasurementRow

DETECTORS, AMPLIFIERS, EXPOSURES = 197, 16, 20
MOST_S = 2.0
ROUNDS = 5
NUMBERS = {
    "MEAN": 0.1,
    "NOISE": 5.0,
    "CR_NOISE": 5.0,
    "READ_NOISE": 5.0,
    "NOMINAL_READ_NOISE": 5.0,
    "OVERSCAN_NOISE": 5.0,
    "PROCESSING_ERRORS": 0.0,
}
BAD_EVERY = 4
"""Of the detectors, each so many-th is noisy in all amplifiers."""


def measurements(detector: int, exposures: list[str]) -> MeasurementReport:
    """Make the measurements of the biases of one detector."""
    numbers = NUMBERS | ({} if detector % BAD_EVERY else {"NOISE": 6.0})
    rows, results = [], []
    for exposure in exposures:
        place = Scope(exposure_id=exposure, detector=detector)
        for amplifier in range(AMPLIFIERS):
            name = f"C{amplifier:02d}"
            at = place.model_copy(update={"amplifier": name})
            rows.append(MeasurementRow(exposure_id=exposure, amplifier=name, values=dict(numbers)))
            results += evaluate("bias", numbers, Limits(), at)
        rows.append(MeasurementRow(exposure_id=exposure, values={"MEAN": 0.1}))
        results += evaluate("bias", {"MEAN": 0.1, "SCATTER": 0.0, "BAD_FRACTION": 0.0}, Limits(), place)
    return MeasurementReport(
        job_id=f"job-{detector}",
        kind="bias",
        mode="internal",
        instrument="large",
        instrument_hash="0" * 64,
        engine_version="2",
        rules_version=verification_version(),
        detector=detector,
        detector_name=f"R{detector:03d}",
        amplifiers=(),
        product_id=f"bias-{detector}",
        products=(),
        correction=Choices(overscan="median-per-row"),
        limits=Limits(),
        frames=tuple(
            FrameRecord(frame_id=e, exposure_id=e, file_name=e, begin_tai_ns=i, in_reference=True)
            for i, e in enumerate(exposures)
        ),
        measurements=tuple(rows),
        results=tuple(results),
        errors=(),
    )


def job() -> DecideJob:
    """Return the job of deciding on them."""
    return DecideJob(
        job_id="0" * 64,
        kind="bias",
        mode=VerificationMode.INTERNAL,
        instrument="large",
        set_key="20260101",
        rules_version=verification_version(),
        gate=Gate(**GateThresholds().model_dump()),
    )


def deciding(console: Console, rounds: int = ROUNDS) -> None:
    """Measure and show what came out."""
    names = [f"e{i:02d}" for i in range(EXPOSURES)]
    measured = {detector: measurements(detector, names) for detector in range(DETECTORS)}
    files = [one.model_dump_json() for one in measured.values()]
    results = [result for one in measured.values() for result in one.results]
    asked = job()
    seconds: dict[str, list[float]] = {}

    def timed(what: str, begun_s: float) -> None:
        seconds.setdefault(what, []).append(time.perf_counter() - begun_s)

    for _ in range(rounds):
        begun_s = time.perf_counter()
        set_report(asked, measured, {})
        timed("gate and the data of its report", begun_s)
        begun_s = time.perf_counter()
        decide(results, names, list(measured))
        timed("of that, the gate", begun_s)
        begun_s = time.perf_counter()
        for text in files:
            MeasurementReport.model_validate_json(text)
        timed("beside it: the measurements from their JSON", begun_s)
        begun_s = time.perf_counter()
        Counter((r.level, r.test, r.exposure_id, r.detector, r.verdict) for r in results)
        timed("reference: one count of the verdicts", begun_s)
    first, *others = seconds
    figures = [
        Figure(first, seconds[first], "s", MOST_S, at_most=True),
        *(Figure(what, seconds[what], "s") for what in others),
    ]
    shape = f"{DETECTORS} detectors x {AMPLIFIERS} amplifiers x {EXPOSURES} exposures"
    show(console, f"{shape}, {len(results):,} verdicts", figures)


if __name__ == "__main__":
    deciding(Console(width=140))
