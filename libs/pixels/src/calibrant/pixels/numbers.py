"""The numbers with which frames go through the pointwise steps: checked, measured, in the working type.

It owns what is handed to a backend: arrays by frame and amplifier, nothing that has still to be looked up. It must
not know how a step is computed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier, Box, Geometry
from calibrant.pixels.image import OverscanLevel
from calibrant.pixels.levels import Levels, measure_levels, parallel_box, serial_box
from calibrant.pixels.linearity import Linearity
from calibrant.pixels.rows import ArrayRows, RowSource, value_type, working_type
from calibrant.pixels.signature import Others, Signature, Terms, check_terms
from calibrant.pixels.threads import side_by_side, thread_count

Measured = Mapping[str, OverscanLevel | None]
"""What the overscans of one frame say, by amplifier; None for one that has none, or was left alone."""

READ_BYTES: Final = 4 * 2**20
"""Rows are read in pieces of about this size while overscans are measured."""


@dataclass(frozen=True, eq=False, slots=True)
class Channel:
    """One amplifier's numbers of all N frames, in the working type and in the order of its placed rows and columns.

    Parameters
    ----------
    amplifier
        Which.
    rows
        (N, rows): subtracted, in ADU.
    columns
        (N, columns): subtracted after the gain; None: nothing.
    saturation
        Raw value from which a sample is saturated, rounded up to the working type; None: none is.
    gain
        Multiplies: electrons per ADU, or 1.
    linearity
        What is done after; None: nothing.
    photon_gain, read_variance
        The variance of a signal is ``max(signal, 0) / photon_gain + read_variance``.
    """

    amplifier: Amplifier
    rows: NDArray[Any]
    columns: NDArray[Any] | None
    saturation: float | None
    gain: float
    linearity: Linearity | None
    photon_gain: float
    read_variance: float


@dataclass(frozen=True, eq=False, slots=True)
class Numbers:
    """All that N frames need beside their raw rows and the planes of the signature.

    Parameters
    ----------
    dtype
        The working type: float32, or float64 where the samples need it.
    geometry, signature
        As given, checked against each other.
    channels
        One for each amplifier.
    dark_times
        (N,), working type: multiply the dark; 0 without one.
    scales
        (N, amplifiers), working type: divide at the end.
    weights
        (N,), float64.
    others
        What gives the planes of other detectors, of each frame.
    measured
        What the overscans of each frame say.
    """

    dtype: np.dtype[Any]
    geometry: Geometry
    signature: Signature
    channels: tuple[Channel, ...]
    dark_times: NDArray[Any]
    scales: NDArray[Any]
    weights: NDArray[np.float64]
    others: tuple[Others | None, ...]
    measured: tuple[Measured, ...]

    def with_terms(self, terms: Sequence[Terms]) -> "Numbers":
        """Give the same numbers with other terms of the frames, which are checked.

        Raises
        ------
        ValueError
            As of :func:`gather_numbers`, or there are more or fewer terms than frames.
        """
        if len(terms) != len(self.measured):
            raise ValueError(f"terms: {len(terms)}, but there are numbers of {len(self.measured)} frames")
        check_terms(terms, self.geometry, dark=self.signature.dark is not None)
        return replace(self, **_of_terms(terms, len(self.channels), self.dtype))


def gather_numbers(
    frames: Sequence[RowSource],
    geometry: Geometry,
    signature: Signature,
    terms: Sequence[Terms],
    *,
    threads: int | None = None,
) -> Numbers:
    """Measure the overscans of frames and gather their numbers.

    Parameters
    ----------
    frames
        Raw frames of the geometry's raw shape.
    geometry, signature
        Of all of them.
    terms
        Of each.
    threads
        How many frames are measured at the same time; None: as many as there are processors to use.

    Raises
    ------
    ValueError
        When something does not fit or is missing; the message names frame, amplifier or calibration.
    """
    signature.check(geometry)
    check_terms(terms, geometry, dark=signature.dark is not None)
    dtype, count = working_type(frames), len(geometry.amplifiers)
    levels = side_by_side(
        lambda index: _frame_levels(geometry, signature, index, frames[index]),
        range(len(frames)),
        min(len(frames), thread_count(threads)),
    )
    return Numbers(
        dtype=dtype,
        geometry=geometry,
        signature=signature,
        channels=tuple(
            _channel(amplifier, signature, [one[index] for one in levels], dtype)
            for index, amplifier in enumerate(geometry.amplifiers)
        ),
        **_of_terms(terms, count, dtype),
        measured=tuple(
            {amplifier.name: part.measured for amplifier, part in zip(geometry.amplifiers, one, strict=True)}
            for one in levels
        ),
    )


def _of_terms(terms: Sequence[Terms], amplifiers: int, dtype: np.dtype[Any]) -> dict[str, Any]:
    return {
        "dark_times": np.array([one.dark_time_s or 0.0 for one in terms], dtype=dtype),
        "scales": np.array([one.scales(amplifiers) for one in terms], dtype=dtype),
        "weights": np.array([one.weight for one in terms]),
        "others": tuple(one.others for one in terms),
    }


def _channel(
    amplifier: Amplifier, signature: Signature, levels: Sequence[Levels], dtype: np.dtype[Any]
) -> Channel:
    across, along = (-1 if flip else 1 for flip in (amplifier.flip_x, amplifier.flip_y))
    columns = [one.columns[::across] for one in levels if one.columns is not None]
    electrons, gain = signature.unit == "electron", amplifier.gain_e_per_adu
    photon_gain = 1.0 if electrons else gain
    return Channel(
        amplifier=amplifier,
        rows=np.array([one.rows[::along] for one in levels], dtype=dtype),
        columns=np.array(columns, dtype=dtype) if columns else None,
        saturation=_rounded_up(amplifier.saturation_adu, dtype),
        gain=float(dtype.type(gain)) if electrons else 1.0,
        linearity=signature.linearity.get(amplifier.name),
        photon_gain=float(dtype.type(photon_gain)),
        read_variance=float(dtype.type((amplifier.read_noise_e / photon_gain) ** 2)),
    )


def _rounded_up(level: float | None, dtype: np.dtype[Any]) -> float | None:
    """Give the least number of a type that is not below a level, so that a comparison in that type is exact."""
    if level is None:
        return None
    near = dtype.type(level)
    return float(near if float(near) >= level else np.nextafter(near, dtype.type(np.inf)))


def _frame_levels(
    geometry: Geometry, signature: Signature, index: int, frame: RowSource
) -> tuple[Levels, ...]:
    serial, parallel = signature.overscan, signature.parallel
    try:
        boxes = [serial_box(amplifier, serial, parallel) for amplifier in geometry.amplifiers]
        if parallel.method != "none":
            boxes += [parallel_box(amplifier, parallel) for amplifier in geometry.amplifiers]
        pixels = read_boxes(frame, [box for box in boxes if box is not None])
        electrons = signature.unit == "electron"
        return tuple(
            measure_levels(
                pixels.__getitem__,
                amplifier,
                serial,
                parallel,
                amplifier.gain_e_per_adu if electrons else 1.0,
            )
            for amplifier in geometry.amplifiers
        )
    except ValueError as problem:
        raise ValueError(f"frame {index}: {problem}") from problem


def read_boxes(frame: RowSource, boxes: Sequence[Box]) -> dict[Box, NDArray[Any]]:
    """Read boxes of a raw frame, each of its rows once for all the boxes with these rows.

    Returns
    -------
    dict
        Values by box, of the frame's own type.
    """
    if isinstance(frame, ArrayRows):
        return {box: _values(frame.array[box.slices], frame) for box in boxes}
    found = {box: np.empty(box.shape, dtype=frame.dtype) for box in boxes}
    for y0, y1 in {(box.y0, box.y1) for box in boxes}:
        wanted = [box for box in found if (box.y0, box.y1) == (y0, y1)]
        for first, rows in read_pieces(frame, y0, y1):
            for box in wanted:
                found[box][first - y0 : first - y0 + len(rows)] = rows[:, box.x0 : box.x1]
    return {box: _values(stored, frame) for box, stored in found.items()}


def _values(stored: NDArray[Any], frame: RowSource) -> NDArray[Any]:
    kind = value_type(frame)
    return (
        (stored.astype(np.int64) + frame.zero).astype(kind) if frame.zero else stored.astype(kind, copy=False)
    )


def read_pieces(frame: RowSource, y0: int, y1: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first row of each piece and its stored numbers; the array is used again for the next."""
    step = max(1, READ_BYTES // (frame.shape[1] * frame.dtype.itemsize))
    buffer = np.empty((min(step, y1 - y0), frame.shape[1]), dtype=frame.dtype)
    for first in range(y0, y1, step):
        last = min(first + step, y1)
        frame.read_rows(first, last, buffer[: last - first])
        yield first, buffer[: last - first]
