"""Stability of the bias: levels, noise and profiles of amplifiers from frame to frame.

It owns what is measured of each frame and the drift over all; it must not know exposures or limits.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.analyses.robust_lines import Line, robust_line
from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.image import Image
from calibrant.pixels.levels import serial_box
from calibrant.pixels.mask import UNUSABLE
from calibrant.pixels.overscan import Overscan, line_medians
from calibrant.pixels.statistics import clipped_statistics

Values = NDArray[np.float64]

FEWEST: Final = 3


@dataclass(frozen=True, eq=False)
class BiasSeries:
    """One amplifier over the frames, in the unit of the images.

    Parameters
    ----------
    mean, noise
        (frames,): clipped mean and standard deviation; NaN in a frame in which no pixel is good.
    corner
        (frames,): clipped mean at the readout corner.
    drift
        Line of the means over time, in the unit of the images per unit of time.
    scatter
        Standard deviation of the means (ddof 1).
    rows, columns
        Medians along the rows and along the columns, over the frames' medians: the profiles that stay; in the order of
        the assembled frame. NaN where a line has no good pixel in one of the frames.
    rows_scatter, columns_scatter
        Standard deviation over the frames of the profile less the frame's mean; in the median over the profile.
    """

    mean: Values
    noise: Values
    corner: Values
    drift: Line
    scatter: float
    rows: Values
    columns: Values
    rows_scatter: float
    columns_scatter: float


def bias_stability(
    frames: Iterable[tuple[float, Image]],
    geometry: Geometry,
    *,
    sigma: float = 10.0,
    corner: int = 200,
) -> dict[str, BiasSeries | Reason]:
    """Follow the bias of each amplifier.

    Parameters
    ----------
    frames
        Time (any unit, from any zero) and image, overscan subtracted as it is to be judged.
    geometry
        The detector.
    sigma
        Of the clips.
    corner
        Size in pixels of the square at the readout corner.

    Returns
    -------
    dict
        By the name of the amplifier; a reason where fewer than three frames have good pixels, all the same time, or none has noise.
    """
    times = []
    seen: dict[str, list[_Frame]] = {one.name: [] for one in geometry.amplifiers}
    for time, image in frames:
        times.append(time)
        data = np.where((image.mask & np.uint32(UNUSABLE)) == 0, image.data, np.nan)
        for amplifier in geometry.amplifiers:
            seen[amplifier.name].append(_measure(data, amplifier, sigma, corner))
    return {name: _series(np.array(times, dtype=np.float64), one) for name, one in seen.items()}


def overscan_mean(raw: NDArray[Any], amplifier: Amplifier, serial: Overscan, parallel: Overscan) -> float:
    """Give the mean level of an overscan: a median of whole numbers stands still where the level moves by less than one.

    Parameters
    ----------
    raw
        The raw frame; what is not finite is left out.
    amplifier
        Whose overscan.
    serial, parallel
        How it is measured: by their skips.

    Returns
    -------
    float
        Mean, clipped at 5 standard deviations, in the unit of the frame; NaN without an overscan.
    """
    box = serial_box(amplifier, serial, parallel)
    if box is None:
        return math.nan
    pixels = raw[box.slices]
    return clipped_statistics(pixels[np.isfinite(pixels)]).mean


@dataclass(frozen=True, eq=False, slots=True)
class _Frame:
    mean: float
    noise: float
    error: float
    corner: float
    rows: Values
    columns: Values


def _measure(data: NDArray[np.floating], amplifier: Amplifier, sigma: float, corner: int) -> _Frame:
    pixels = data[amplifier.placed.slices]
    whole = clipped_statistics(pixels, sigma)
    at_corner = clipped_statistics(data[amplifier.corner_box(corner).slices], sigma)
    error = whole.std / np.sqrt(whole.count) if whole.count else np.nan
    return _Frame(
        whole.mean, whole.std, float(error), at_corner.mean, line_medians(pixels), line_medians(pixels.T)
    )


def _series(times: Values, frames: list[_Frame]) -> BiasSeries | Reason:
    mean, noise, error, corner = (
        np.array([(one.mean, one.noise, one.error, one.corner) for one in frames]).reshape(-1, 4).T
    )
    known = np.isfinite(mean)
    if known.sum() < FEWEST:
        return Reason.TOO_FEW_FRAMES
    if not noise[known].max() > 0:
        return Reason.CONSTANT
    drift = robust_line(times, mean, error)
    if isinstance(drift, Reason):
        return drift
    good = [one for one, is_known in zip(frames, known, strict=True) if is_known]
    rows, rows_scatter = _profile(np.array([one.rows for one in good]), mean[known])
    columns, columns_scatter = _profile(np.array([one.columns for one in good]), mean[known])
    return BiasSeries(
        mean,
        noise,
        corner,
        drift,
        float(mean[known].std(ddof=1)),
        rows,
        columns,
        rows_scatter,
        columns_scatter,
    )


def _profile(profiles: Values, means: Values) -> tuple[Values, float]:
    """Give the median profile, and how much it moves by itself; a line that is not known in every frame is NaN in it."""
    known = np.isfinite(profiles).all(axis=0)
    profile = np.full(profiles.shape[1], np.nan)
    profile[known] = np.median(profiles[:, known], axis=0)
    moves = (profiles[:, known] - means[:, None]).std(axis=0, ddof=1)
    return profile, float(np.median(moves)) if moves.size else 0.0
