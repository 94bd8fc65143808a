"""What is measured and tested once, with all frames of a detector: the split samples of darks."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames.reading import FrameRejected
from calibrant.rules.verification import ALL_EXPOSURES, Scope, TestResult, evaluate, tests_for
from calibrant.runtime.handlers import Workspace
from calibrant.verify.inputs import open_frame
from calibrant.verify.measuring.amplifiers import Values, finite
from calibrant.verify.measuring.bench import Bench
from calibrant.verify.measuring.splitting import FEWEST, SPLIT, Dark, split_values
from calibrant.verify.reports import MeasurementRow


@dataclass(frozen=True, slots=True)
class Once:
    """What came of all frames together."""

    rows: tuple[MeasurementRow, ...] = ()
    results: tuple[TestResult, ...] = ()


def measured_once(
    bench: Bench, good: Sequence[JobInput], begin_tai_ns: int | None, workspace: Workspace
) -> Once:
    """Measure and test what a kind has to be tested once.

    Parameters
    ----------
    bench : Bench
        What the frames are measured with.
    good : sequence of JobInput
        The frames that could be measured, the earliest first.
    begin_tai_ns : int or None
        Start of the set, TAI ns, which chooses dated limits.
    workspace : Workspace
        Where they are.
    """
    if not any(test.once for test in tests_for(bench.job.kind)):
        return Once()
    values: dict[str, Values] = {one.name: {} for one in bench.correction.geometry.amplifiers}
    problem = ""
    if len(good) >= FEWEST:
        try:
            values = _split_values(bench, good, workspace)
        except (FrameRejected, PermanentError, ValueError) as found:  # what was readable a moment ago
            problem = str(found)
            values = {name: dict.fromkeys(SPLIT, math.nan) for name in values}
    place = Scope(exposure_id=ALL_EXPOSURES, detector=bench.job.detector, begin_tai_ns=begin_tai_ns)
    kind, limits = bench.job.kind, bench.instrument.limits()
    return Once(
        tuple(
            MeasurementRow(exposure_id=ALL_EXPOSURES, amplifier=name, values=finite(numbers), problem=problem)
            for name, numbers in values.items()
            if numbers
        ),
        tuple(
            result
            for name, numbers in values.items()
            for result in evaluate(kind, numbers, limits, place.model_copy(update={"amplifier": name}))
        ),
    )


def _split_values(bench: Bench, frames: Sequence[JobInput], workspace: Workspace) -> dict[str, Values]:
    """Open all frames at once, none of them held in memory, and compare their halves."""
    per_second = bench.products.verified.per_second
    current = bench.instrument.detector(bench.job.detector).dark_current_e_per_s
    with ExitStack() as opened:
        darks = [
            opened.enter_context(open_frame(one, bench.job, bench.instrument, workspace, hold=False))
            for one in frames
        ]
        return split_values(
            [Dark(one.rows, one.facts.dark_time_s if per_second else None) for one in darks],
            bench.correction.geometry,
            bench.correction.signature,
            current,
        )
