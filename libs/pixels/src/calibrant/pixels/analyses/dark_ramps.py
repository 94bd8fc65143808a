"""Dark current from a ramp of exposure times: lines through the levels of amplifiers, and of single pixels.

It owns sums over the frames and the lines; it must not know where dark times come from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.analyses.robust_lines import Line, robust_line
from calibrant.pixels.geometry import Amplifier, Box, Geometry
from calibrant.pixels.image import Image
from calibrant.pixels.mask import UNUSABLE
from calibrant.pixels.statistics import clipped_statistics

Values = NDArray[np.float64]

FEWEST_PIXELS: Final = 10

PERCENTILE: Final = 95


@dataclass(frozen=True)
class DarkCurrent:
    """What one amplifier collects in the dark.

    Parameters
    ----------
    line
        Through the clipped mean levels: its slope is the dark current, in the unit of the images per s.
    median, percentile
        Median and 95th percentile of the rates of single pixels, in the same unit.
    """

    line: Line
    median: float
    percentile: float


@dataclass(frozen=True, eq=False)
class PixelRates:
    """The line of each pixel.

    Parameters
    ----------
    rate, error
        (ny, nx), in the unit of the images per s; NaN where `count` is below three or all times are the same. The
        error is that of the scatter about the line.
    count
        (ny, nx): frames in which the pixel is good.
    """

    rate: Values
    error: Values
    count: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DarkRamp:
    """Dark currents of a detector.

    Parameters
    ----------
    amplifiers
        By name.
    pixels
        Of the assembled frame.
    levels
        By amplifier, (2, frames): the clipped mean level of each frame and its error; NaN where too few pixels are good.
    """

    amplifiers: Mapping[str, DarkCurrent | Reason]
    pixels: PixelRates
    levels: Mapping[str, Values]


@dataclass(frozen=True)
class Glow:
    """How much more an amplifier collects at its readout corner than elsewhere.

    Parameters
    ----------
    rate, error
        Clipped mean of the rates in the corner less that of the others, and its standard deviation, in their unit.
    """

    rate: float
    error: float


def dark_ramp(frames: Iterable[tuple[float, Image]], geometry: Geometry, *, sigma: float = 5.0) -> DarkRamp:
    """Measure dark currents from frames of different dark times.

    Parameters
    ----------
    frames
        Dark time in s and image, one after the other: memory does not grow with their number. Bias subtracted or not:
        each amplifier and each pixel has a constant of its own.
    geometry
        The detector.
    sigma
        Clip of the pixels about their amplifier's mean (cosmic rays, hot pixels), and of the frames about the line.

    Returns
    -------
    DarkRamp
        An amplifier with fewer than three frames, of one time, or with no noise has a reason.

    Raises
    ------
    ValueError
        When an image has another shape than the detector, or a time is not a number from 0 up.
    """
    sums, times = _Sums(geometry.shape), []
    levels: dict[str, list[tuple[float, float]]] = {one.name: [] for one in geometry.amplifiers}
    for number, (time_s, image) in enumerate(frames):
        _check(number, time_s, image, geometry)
        data = np.where((image.mask & np.uint32(UNUSABLE)) == 0, image.data, np.nan).astype(np.float64)
        times.append(time_s)
        sums.add(time_s, data)
        for amplifier in geometry.amplifiers:
            levels[amplifier.name].append(_level(data[amplifier.placed.slices], sigma))
    pixels, found = sums.rates(), {}
    seen = {name: np.array(one).reshape(-1, 2).T for name, one in levels.items()}
    for amplifier in geometry.amplifiers:
        means, errors = seen[amplifier.name]
        line = _line(np.array(times), means, errors, sigma)
        found[amplifier.name] = line if isinstance(line, Reason) else _current(line, pixels, amplifier.placed)
    return DarkRamp(found, pixels, seen)


def amplifier_glow(
    pixels: PixelRates, amplifier: Amplifier, *, corner: int = 200, sigma: float = 5.0
) -> Glow | Reason:
    """Compare the dark current at the readout corner of an amplifier with the rest of it.

    Parameters
    ----------
    pixels
        Of a :func:`dark_ramp`.
    amplifier
        The amplifier.
    corner
        Size in pixels of the square at the readout corner; of a small amplifier half of its shorter side.
    sigma
        Of the clips.

    Returns
    -------
    Glow or Reason
        The reason where either part has too few pixels with a rate.
    """
    inside = np.zeros(pixels.rate.shape, dtype=np.bool_)
    inside[amplifier.corner_box(min(corner, min(amplifier.placed.shape) // 2)).slices] = True
    rates, inside = pixels.rate[amplifier.placed.slices], inside[amplifier.placed.slices]
    near, far = clipped_statistics(rates[inside], sigma), clipped_statistics(rates[~inside], sigma)
    if min(near.count, far.count) < FEWEST_PIXELS:
        return Reason.TOO_FEW_PIXELS
    error = np.hypot(near.std / np.sqrt(near.count), far.std / np.sqrt(far.count))
    return Glow(near.mean - far.mean, float(error))


def _check(number: int, time_s: float, image: Image, geometry: Geometry) -> None:
    if not 0 <= time_s < np.inf:
        raise ValueError(f"frame {number}: dark time {time_s}, must be a number of seconds from 0 up")
    if image.data.shape != geometry.shape:
        raise ValueError(f"frame {number}: shape {image.data.shape}, but the detector has {geometry.shape}")


def _line(times: Values, means: Values, errors: Values, sigma: float) -> Line | Reason:
    if (errors[np.isfinite(errors)] == 0).any():
        return Reason.CONSTANT
    return robust_line(times, means, errors, sigma)


def _level(pixels: Values, sigma: float) -> tuple[float, float]:
    kept = clipped_statistics(pixels, sigma)
    if kept.count < FEWEST_PIXELS:
        return np.nan, np.nan
    return kept.mean, float(kept.std / np.sqrt(kept.count))


def _current(line: Line, pixels: PixelRates, placed: Box) -> DarkCurrent | Reason:
    rates = pixels.rate[placed.slices]
    rates = rates[np.isfinite(rates)]
    if len(rates) < FEWEST_PIXELS:
        return Reason.TOO_FEW_PIXELS
    median, percentile = np.percentile(rates, [50, PERCENTILE])
    return DarkCurrent(line, float(median), float(percentile))


class _Sums:
    """Weighted sums of the pixels' lines, relative to the first frame, so that little is lost in them."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.count = np.zeros(shape, dtype=np.int64)
        self.t, self.tt, self.y, self.ty, self.yy = np.zeros((5, *shape))
        self.first: tuple[float, Values] | None = None

    def add(self, time_s: float, data: Values) -> None:
        if self.first is None:
            self.first = time_s, np.where(np.isfinite(data), data, 0.0)
        good = np.isfinite(data)
        t, y = np.where(good, time_s - self.first[0], 0.0), np.where(good, data - self.first[1], 0.0)
        self.count += good
        self.t += t
        self.tt += t * t
        self.y += y
        self.ty += t * y
        self.yy += y * y

    def rates(self) -> PixelRates:
        n = np.maximum(self.count, 1)
        spread = self.tt - self.t**2 / n
        with np.errstate(invalid="ignore", divide="ignore"):
            known = (self.count > 2) & (spread > 1e-9 * self.tt)
            rate = np.where(known, (self.ty - self.t * self.y / n) / spread, np.nan)
            left = np.maximum(self.yy - self.y**2 / n - rate * rate * spread, 0)
            error = np.sqrt(left / (self.count - 2) / spread)
        return PixelRates(rate, error, self.count)
