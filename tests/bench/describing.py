"""Statistics of a large frame, raw and corrected, beside one clipped pass of the engine over the same pixels.

Alone: ``python tests/bench/describing.py``. The ratio is of the least times: what else runs only makes them longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from figures import Figure, show
from rich.console import Console

from calibrant.pixels import (
    Amplifier,
    Box,
    CosmicRays,
    Geometry,
    Signature,
    Step,
    amplifier_statistics,
    clipped_statistics,
    correct_frame,
    frame_statistics,
)

SIDE, AMPLIFIERS, ROUNDS = 4096, 16, 5
MOST_RATIO = 2.0


def geometry(side: int = SIDE) -> Geometry:
    """Make a detector of two rows of eight amplifiers without overscan."""
    width, height = side // (AMPLIFIERS // 2), side // 2
    boxes = [Box(y, y + height, x, x + width) for y in range(0, side, height) for x in range(0, side, width)]
    amplifiers = tuple(
        Amplifier(f"C{n:02d}", box, box, False, False, None, None, 1.5, 5.0, None)
        for n, box in enumerate(boxes)
    )
    return Geometry((side, side), (side, side), amplifiers)


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it takes."""
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s


def describing(console: Console, side: int = SIDE, rounds: int = ROUNDS) -> None:
    """Measure and show what came out."""
    detector = geometry(side)
    raw = np.random.default_rng(1).normal(1000, 3.3, (side, side)).round().astype(np.uint16)
    plain = Signature(photon_noise=False)
    image = correct_frame(raw, detector, plain)
    level = Signature(photon_noise=False, barriers={Step.COSMIC_RAYS: CosmicRays(background=1500.0, grow=0)})
    parts = [np.ascontiguousarray(image.data[one.placed.slices]) for one in detector.amplifiers]
    works: dict[str, Callable[[], object]] = {
        "one clipped pass over each amplifier": lambda: [clipped_statistics(part) for part in parts],
        "statistics of the corrected frame": lambda: amplifier_statistics(image, detector),
        "statistics of the raw frame, corrected on the way": lambda: frame_statistics(raw, detector, plain),
        "the same, searched for cosmic rays": lambda: frame_statistics(raw, detector, level),
    }
    seconds: dict[str, list[float]] = {what: [] for what in works}
    for number in range(rounds + 1):
        for what, work in works.items():
            taken = timed(work)
            if number:  # the first round warms up
                seconds[what].append(taken)
    reference, *others = works
    least = min(seconds[reference])
    figures = [Figure(what, [one * 1e3 for one in seconds[what]], "ms") for what in works]
    figures += [
        Figure(
            f"{what}: least, over the least of the clipped pass",
            [min(seconds[what]) / least],
            target=MOST_RATIO if what != others[-1] else None,
            at_most=True,
        )
        for what in others
    ]
    show(console, f"a frame of {side} x {side}, {AMPLIFIERS} amplifiers", figures)


if __name__ == "__main__":
    describing(Console(width=140))
