"""A raw frame that is corrected row by row, as rows are asked for.

It owns which raw rows decide on a row, and how long corrected ones are kept. It must not know how a step is computed,
or what is done with the rows.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.mask import MASK_DTYPE
from calibrant.pixels.numbers import Numbers
from calibrant.pixels.plan import RawFrames
from calibrant.pixels.rows import RowSource
from calibrant.pixels.signature import Band, Signature, Step
from calibrant.pixels.stages import POINTWISE, Passage, new_band, pass_through, segments


class CorrectedFrame:
    """One frame that is corrected where its rows are asked for; each thread keeps the rows it asked for last.

    Parameters
    ----------
    frame
        Its number among those that `numbers` are of.
    source
        Its raw rows.
    numbers
        What it is corrected with.
    noise
        Whether variances are computed with the data, and not only where they are asked for.
    """

    def __init__(self, frame: int, source: RowSource, numbers: Numbers, *, noise: bool) -> None:
        self.numbers = numbers
        self._frame, self._source = frame, source
        self._last = threading.local()
        signature = numbers.signature
        self._noise = noise or bool(signature.barriers)
        self._whole = self._pass(slice(0, numbers.geometry.shape[0])) if signature.reach is None else None

    def band(self, first: int, last: int, *, noise: bool) -> Band:
        """Give rows ``first <= y < last`` in float32, with their variance where `noise` is asked for."""
        if self._whole is not None:
            return _cut(self._whole, slice(first, last))
        known: Band | None = getattr(self._last, "band", None)
        if known is not None and known.rows == slice(first, last) and not (noise and known.variance is None):
            return known
        self._last.band = self._pass(slice(first, last), noise=noise)
        found: Band = self._last.band
        return found

    def divided(self, band: Band, signature: Signature) -> Band:
        """Give data and mask of a band of this frame after the flat of another signature."""
        after = Band(band.rows, band.data.copy(), band.mask.copy(), None)
        numbers = replace(self.numbers, signature=signature)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            POINTWISE[Step.FLAT](after, Passage(self._frame, self._source, numbers, ()))
        return after

    def _pass(self, rows: slice, *, noise: bool = True) -> Band:
        """Take rows, and those that decide on them, through the steps."""
        numbers = self.numbers
        reach, height = numbers.signature.reach or 0, numbers.geometry.shape[0]
        wider = slice(max(0, rows.start - reach), min(height, rows.stop + reach))
        band = new_band(wider, numbers, frame=self._frame, noise=noise or self._noise)
        pass_through(band, Passage(self._frame, self._source, numbers, segments(numbers.geometry, wider)))
        with np.errstate(over="ignore"):
            band.data = band.data.astype(np.float32, copy=False)
            if band.variance is not None:
                band.variance = band.variance.astype(np.float32, copy=False)
        return _cut(band, rows)


def _cut(band: Band, rows: slice) -> Band:
    """Give rows of the assembled frame that lie in a band."""
    part = slice(rows.start - band.rows.start, rows.stop - band.rows.start)
    variance = None if band.variance is None else band.variance[part]
    return Band(rows, band.data[part], band.mask[part], variance)


_TYPES: Final = {"data": np.dtype(np.float32), "variance": np.dtype(np.float32), "mask": MASK_DTYPE}


class PlaneRows:
    """One plane of a corrected frame as a :class:`RowSource`."""

    zero = 0

    def __init__(self, frame: CorrectedFrame, plane: Literal["data", "variance", "mask"]) -> None:
        self._frame, self._plane = frame, plane
        self.shape = frame.numbers.geometry.shape
        self.dtype = _TYPES[plane]

    def read_rows(self, first: int, last: int, into: NDArray[Any], /) -> None:
        """Correct rows ``first <= y < last``, or take them from those corrected last."""
        band = self._frame.band(first, last, noise=self._plane == "variance")
        into[...] = getattr(band, self._plane)


class CorrectedStack(list[PlaneRows]):
    """The corrected data of frames, with all else that is known of them (:class:`calibrant.pixels.plan.CorrectedFrames`).

    Parameters
    ----------
    frames
        The frames.
    raw
        What they are made from.
    """

    def __init__(self, frames: Sequence[CorrectedFrame], raw: RawFrames) -> None:
        super().__init__(PlaneRows(one, "data") for one in frames)
        self.variances = [PlaneRows(one, "variance") for one in frames]
        self.masks = [PlaneRows(one, "mask") for one in frames]
        self.raw = raw
