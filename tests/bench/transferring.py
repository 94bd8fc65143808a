"""Photon transfer: pairs of large flats with all covariances beside plain NumPy, and the fits of a focal plane.

Alone: ``python tests/bench/transferring.py``.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from describing import SIDE, geometry
from figures import Figure, show
from numpy.typing import NDArray
from plain_covariances import plain_covariances
from rich.console import Console

from calibrant.pixels import Geometry, Image, Mask
from calibrant.pixels.photon_transfer import Curve, FitSettings, Model, fit_curves, pair_statistics

LAGS, FRAMES, ROUNDS, MANY = 10, 4, 5, 8
PLAIN_ROUNDS = 2  # a minute each
FOCAL_PLANE, PAIRS = 3024, 100
LEAST_RATIO, MOST_GROWTH, MOST_SECONDS = 20.0, 1.1, 60.0


class Taken(NamedTuple):
    """Seconds that passed, and those that processors worked."""

    wall_s: float
    used_s: float


def flats(side: int, number: int) -> list[Image]:
    """Make flats of photons with bad pixels and cosmic rays."""
    rng = np.random.default_rng(1)
    mask = np.where(rng.random((side, side)) < 5e-4, np.uint32(Mask.BAD), np.uint32(0))
    images = []
    for _ in range(number):
        data = rng.standard_normal((side, side), dtype=np.float32) * np.float32(150) + np.float32(22_500)
        data[rng.random((side, side)) < 1e-5] += 5000
        images.append(Image(data, data, mask, unit="adu"))
    return images


def measure(images: list[Image], detector: Geometry, pairs: int) -> None:
    """Measure so many pairs of the images, one after the other."""
    for number in range(pairs):
        pair_statistics(images[number % len(images)], images[(number + 1) % len(images)], detector)


def plainly(images: list[Image], detector: Geometry) -> list[NDArray[np.float64]]:
    """Measure the first pair as one would write it down."""
    first, second = images[:2]
    parts = [one.placed.slices for one in detector.amplifiers]
    return [plain_covariances(first.data[p], second.data[p], first.mask[p], LAGS) for p in parts]


def peak_mib(images: list[Image], detector: Geometry, pairs: int) -> float:
    """Return how much memory measuring takes beside the images."""
    tracemalloc.start()
    measure(images, detector, pairs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def focal_plane(amplifiers: int = FOCAL_PLANE, pairs: int = PAIRS) -> dict[str, Curve]:
    """Make curves with the covariances of photons and a brighter-fatter effect, scattered as a million pixels do."""
    rng = np.random.default_rng(2)
    means, pixels = np.linspace(1000, 90_000, pairs), 1e6
    j, i = np.mgrid[: LAGS + 1, : LAGS + 1]
    area = 3e-7 / np.maximum(np.hypot(j, i), 1) ** 2.6
    area[0, 0] = -2.6e-6
    expected = area * (means**2)[:, None, None]
    expected[:, 0, 0] = np.expm1(2 * area[0, 0] * means) / (2 * area[0, 0]) + 25
    scatter = (expected[:, :1, :1] * np.sqrt((1 + (j + i == 0)) / pixels)).astype(np.float32)
    counts = np.full(expected.shape, pixels)
    curves = {}
    for number in range(amplifiers):
        found = expected + scatter * rng.standard_normal(expected.shape, dtype=np.float32)
        curves[str(number)] = Curve(means, found[:, 0, 0], np.full(pairs, pixels), found, counts)
    return curves


def taken(work: Callable[[], object]) -> Taken:
    """Return how long it takes, and how much processor time of all threads."""
    begun_s, used_s = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - begun_s, time.process_time() - used_s)


def transferring(
    console: Console, side: int = SIDE, rounds: int = ROUNDS, amplifiers: int = FOCAL_PLANE
) -> None:
    """Measure and show what came out."""
    detector, images = geometry(side), flats(side, FRAMES)
    measure(images, detector, 1)  # warms up
    one, many, plain = [], [], []
    for number in range(rounds):
        one.append(taken(lambda: measure(images, detector, 1)))
        many.append(taken(lambda: measure(images, detector, MANY)))
        if number < PLAIN_ROUNDS:
            plain.append(taken(lambda: plainly(images, detector)))
    least = min(each.used_s for each in one)
    figures = [
        Figure(f"a pair, lags to {LAGS}", [each.wall_s * 1e3 for each in one], "ms"),
        Figure("the same in plain NumPy", [each.wall_s * 1e3 for each in plain], "ms"),
        Figure(
            "plain over ours, of one round",
            [slow.wall_s / quick.wall_s for slow, quick in zip(plain, one, strict=False)],
            target=LEAST_RATIO,
        ),
        Figure("a pair: processor time", [each.used_s * 1e3 for each in one], "ms"),
        Figure(
            "plain over ours, processor time",
            [slow.used_s / quick.used_s for slow, quick in zip(plain, one, strict=False)],
        ),
        Figure(
            f"{MANY} pairs over {MANY} times one, least processor times",
            [min(each.used_s for each in many) / MANY / least],
            target=MOST_GROWTH,
            at_most=True,
        ),
        *(
            Figure(f"memory beside the frames, {pairs} pairs", [peak_mib(images, detector, pairs)], "MiB")
            for pairs in (1, MANY)
        ),
        *(fitting(focal_plane(amplifiers), model) for model in (Model.EXPONENTIAL, Model.FULL_COVARIANCE)),
    ]
    show(console, f"photon transfer, {side} x {side}, {len(detector.amplifiers)} amplifiers", figures)


def fitting(curves: dict[str, Curve], model: Model) -> Figure:
    """Fit all curves in one call."""
    begun_s = time.perf_counter()
    fits = fit_curves(curves, FitSettings(model=model))
    seconds = time.perf_counter() - begun_s
    assert not any(fit.reason for fit in fits.values())
    return Figure(
        f"{len(curves)} fits of {PAIRS} pairs, {model}", [seconds], "s", target=MOST_SECONDS, at_most=True
    )


if __name__ == "__main__":
    transferring(Console(width=140))
