"""The page on a set: processor time and size, for one detector and for a large camera.

Alone: ``python tests/bench/paging.py``.
"""

from __future__ import annotations

import time

import numpy as np
from deciding import AMPLIFIERS, EXPOSURES, job, measurements
from figures import Figure, show
from rich.console import Console

from calibrant.frames.instrument import Position
from calibrant.frames.times import parse_time
from calibrant.frames.writing import ProductPreview, preview_of
from calibrant.rules.times import NS_PER_S
from calibrant.verify.deciding import set_report
from calibrant.verify.page import render
from calibrant.verify.reports import AmplifierRecord, MeasurementReport

RAFTS, RAFT = 5, 3
"""Rafts along a side of the camera, without those at its corners, and detectors along a side of one."""
SIDE = 4096
ROUNDS = 3
NIGHT_TAI_NS = parse_time("2026-01-01T20:00:00")
BYTES_PER_MB = 1e6


def places() -> list[Position]:
    """Return where the detectors of the camera sit: 189 of them."""
    corner = {0, RAFTS - 1}
    side = range(RAFTS * RAFT)
    return [
        Position(column=column, row=row)
        for row in side
        for column in side
        if not {column // RAFT, row // RAFT} <= corner
    ]


def amplifiers() -> tuple[AmplifierRecord, ...]:
    """Return two rows of amplifiers."""
    width, height = 2 * SIDE // AMPLIFIERS, SIDE // 2
    return tuple(
        AmplifierRecord(
            name=f"C{number:02d}",
            x0=x,
            x1=x + width,
            y0=y,
            y1=y + height,
            gain_e_per_adu=1.5,
            read_noise_e=5.0,
        )
        for number, (y, x) in enumerate((y, x) for y in (0, height) for x in range(0, SIDE, width))
    )


def measured(detector: int, at: Position, exposures: list[str]) -> MeasurementReport:
    """Return the measurements of a detector, each number a little off."""
    random = np.random.default_rng(detector)
    report = measurements(detector, exposures)
    rows = tuple(
        row.model_copy(
            update={
                "values": {
                    name: value and value * random.normal(1, 0.01) for name, value in row.values.items()
                }
            }
        )
        for row in report.measurements
    )
    frames = tuple(
        frame.model_copy(update={"begin_tai_ns": NIGHT_TAI_NS + number * 30 * NS_PER_S})
        for number, frame in enumerate(report.frames)
    )
    told = {"amplifiers": amplifiers(), "position": at, "measurements": rows, "frames": frames}
    return report.model_copy(update=told)


def picture(report: MeasurementReport) -> ProductPreview:
    """Return the small picture of the product that was measured with."""
    data = np.random.default_rng(report.detector).normal(0, 1, (SIDE // 16, SIDE // 16))
    return preview_of(report.product_id, "electron", data, np.zeros(data.shape, np.uint32))


def paging(console: Console, rounds: int = ROUNDS) -> None:
    """Measure and show what came out."""
    exposures = [f"e{number:02d}" for number in range(EXPOSURES)]
    camera = {detector: measured(detector, at, exposures) for detector, at in enumerate(places())}
    figures = []
    for count in (len(camera), 1):
        some = {detector: camera[detector] for detector in list(camera)[-count:]}
        report = set_report(job(), some, {})
        previews = {detector: picture(one) for detector, one in some.items()}
        render(report, some, previews)  # fonts and colour maps are read once in a process
        seconds, page = [], ""
        for _ in range(rounds):
            begun_s = time.process_time()
            page = render(report, some, previews)
            seconds.append(time.process_time() - begun_s)
        many = f"{count} detector{'s' if count > 1 else ''}"
        figures.append(Figure(f"page on {many}: processor time", seconds, "s"))
        figures.append(Figure(f"page on {many}: size", [len(page.encode()) / BYTES_PER_MB], "MB"))
    show(console, f"{AMPLIFIERS} amplifiers a detector, {EXPOSURES} exposures", figures)


if __name__ == "__main__":
    paging(Console(width=140))
