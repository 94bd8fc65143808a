"""Raw frames into one: the steps of a signature and the combination in one pass over the raw rows.

It owns how corrected rows are made as a combination asks for them, so that no frame is ever held as a whole. It must
not know how a step is computed, how samples are rejected, or where raw rows come from.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import Center, Clip, Spread
from calibrant.pixels.combine import FEWEST_FOR_SCATTER, Combined, Statistic, combine
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.mask import MASK_DTYPE, Mask
from calibrant.pixels.numbers import Measured, Numbers, gather_numbers
from calibrant.pixels.rows import RowSource, Stack, checked_stack
from calibrant.pixels.signature import Band, Signature, Terms
from calibrant.pixels.stages import Passage, new_band, pass_through, segments


class Options(TypedDict, total=False):
    """The options of :func:`calibrant.pixels.combine` that a combination of raw frames takes."""

    statistic: Statistic
    center: Center
    spread: Spread
    sigma: float
    sigma_low: float | None
    sigma_high: float | None
    iterations: int | None
    clip: Clip
    ignore: Mask
    tile_bytes: int


@dataclass(frozen=True, eq=False, slots=True)
class CombinedRaw:
    """What raw frames combine to.

    Parameters
    ----------
    combined
        The planes, in the unit of the signature.
    overscan
        What the overscans of each frame say, by amplifier.
    """

    combined: Combined
    overscan: tuple[Measured, ...]


def combine_raw(
    frames: Stack,
    geometry: Geometry,
    signature: Signature,
    terms: Sequence[Terms] | None = None,
    **options: Unpack[Options],
) -> CombinedRaw:
    """Remove the signature of raw frames and combine them, as :func:`correct_frame` and :func:`combine` do, bit for bit.

    The overscans are measured first, in a pass over their rows. Then raw rows are read, taken through the steps and
    combined, tile by tile, so that memory does not grow with the number of frames. With a barrier that reaches over
    the whole frame all frames are corrected first, and memory holds them all.

    Parameters
    ----------
    frames
        N raw frames in ADU of the geometry's raw shape: arrays or :class:`RowSource`.
    geometry
        The detector.
    signature
        What is removed from each.
    terms
        What differs from frame to frame; needed with a dark.
    **options
        Of :func:`calibrant.pixels.combine`.

    Returns
    -------
    CombinedRaw
        Planes of the geometry's shape, and what was measured on the way.

    Raises
    ------
    ValueError
        When shapes, types or options make no sense, a number or calibration is missing, or no pixel has a good
        sample; the message names frame, amplifier or calibration.
    """
    sources = checked_stack("frames", frames, "iuf")
    if sources[0].shape != geometry.raw_shape:
        raise ValueError(f"frames: shape {sources[0].shape}, but the geometry says {geometry.raw_shape}")
    if terms is None:
        terms = [Terms()] * len(sources)
    if len(terms) != len(sources):
        raise ValueError(f"terms: {len(terms)}, but there are {len(sources)} frames; give one for each")
    numbers = gather_numbers(sources, geometry, signature, terms)
    corrected = [_Corrected(index, source, numbers) for index, source in enumerate(sources)]
    combined = combine(
        [_Rows(one, "data") for one in corrected],
        masks=[_Rows(one, "mask") for one in corrected],
        variances=[_Rows(one, "variance") for one in corrected],
        **options,
    )
    return CombinedRaw(combined, numbers.measured)


class _Corrected:
    """One frame that is corrected where its rows are asked for; each thread keeps the rows it asked for last."""

    def __init__(self, frame: int, source: RowSource, numbers: Numbers) -> None:
        self.numbers = numbers
        self._frame, self._source = frame, source
        self._last = threading.local()
        signature = numbers.signature
        self._noise = len(numbers.measured) < FEWEST_FOR_SCATTER or bool(signature.barriers)
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

    def _pass(self, rows: slice, *, noise: bool = True) -> Band:
        """Take rows, and those that decide on them, through the steps."""
        numbers = self.numbers
        reach, height = numbers.signature.reach or 0, numbers.geometry.shape[0]
        wider = slice(max(0, rows.start - reach), min(height, rows.stop + reach))
        band = new_band(wider, numbers, noise=noise or self._noise)
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


class _Rows:
    """One plane of a corrected frame as a :class:`RowSource`."""

    zero = 0

    def __init__(self, frame: _Corrected, plane: Literal["data", "variance", "mask"]) -> None:
        self._frame, self._plane = frame, plane
        self.shape = frame.numbers.geometry.shape
        self.dtype = _TYPES[plane]

    def read_rows(self, first: int, last: int, into: NDArray[Any], /) -> None:
        """Correct rows ``first <= y < last``, or take them from those corrected last."""
        band = self._frame.band(first, last, noise=self._plane == "variance")
        into[...] = getattr(band, self._plane)
