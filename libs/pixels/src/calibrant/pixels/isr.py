"""Instrument-signature removal of one frame, from raw ADU to a corrected image.

It owns the two calls for one frame. It must not know how a step is computed, where frames and references come from,
nor how they were chosen.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Geometry
from calibrant.pixels.image import Image, OverscanLevel, Reference, Unit
from calibrant.pixels.numbers import gather_numbers
from calibrant.pixels.overscan import Overscan, OverscanMethod
from calibrant.pixels.rows import ArrayRows
from calibrant.pixels.signature import Signature, Terms
from calibrant.pixels.stages import Passage, new_band, pass_through, segments

__all__ = ["Image", "OverscanLevel", "Reference", "correct_frame", "remove_signature"]

_NO_TERMS: Final = Terms()


def correct_frame(
    raw: NDArray[Any], geometry: Geometry, signature: Signature, terms: Terms = _NO_TERMS
) -> Image:
    """Take one frame through all steps of a signature.

    The variance is ``max(signal, 0) + read_noise_e**2`` in electron squared, and ``max(signal, 0) / gain +
    (read_noise_e / gain)**2`` in ADU squared, where the signal is what is left after overscan and bias and before
    the dark (dark current makes shot noise too). The references' own variances are added when given. The noise of
    the overscan level is not included.

    Parameters
    ----------
    raw
        Raw frame in ADU, of shape ``geometry.raw_shape``; integer or floating, any byte order; left unchanged.
    geometry
        The detector.
    signature
        What is removed.
    terms
        What differs from frame to frame.

    Returns
    -------
    Image
        Of shape ``geometry.shape``. A pixel that is not finite is NaN in data and variance, and NO_DATA. Masks of
        the references are joined to it.

    Raises
    ------
    ValueError
        When shapes or types do not match, or a number is missing.
    """
    if np.ma.isMaskedArray(raw):
        raise ValueError(
            "raw frame: a masked array; give its .data, and .mask as the defects of the signature"
        )
    raw = np.asarray(raw)
    if raw.shape != geometry.raw_shape:
        raise ValueError(f"raw frame: shape {raw.shape}, but the geometry says {geometry.raw_shape}")
    if raw.dtype.kind not in "iuf":
        raise ValueError(f"raw frame: type {raw.dtype}, must be integer or floating")
    source = ArrayRows(raw)
    numbers = gather_numbers([source], geometry, signature, [terms])
    whole = slice(0, geometry.shape[0])
    band = new_band(whole, numbers, frame=0, noise=True)
    pass_through(band, Passage(0, source, numbers, segments(geometry, whole)))
    assert band.variance is not None
    with np.errstate(over="ignore"):
        data, variance = (plane.astype(np.float32, copy=False) for plane in (band.data, band.variance))
    return Image(data, variance, band.mask, numbers.measured[0], signature.unit)


def remove_signature(
    raw: NDArray[Any],
    geometry: Geometry,
    *,
    overscan: OverscanMethod = "median",
    unit: Unit = "electron",
    bias: Reference | None = None,
    dark: Reference | None = None,
    dark_scale: float | None = None,
    flat: Reference | None = None,
    photon_noise: bool = True,
) -> Image:
    """Remove the instrument's signature from one frame; :func:`correct_frame` in short.

    Parameters
    ----------
    raw
        Raw frame in ADU, of shape ``geometry.raw_shape``; integer or floating, any byte order; left unchanged.
    geometry
        The detector.
    overscan
        See :class:`calibrant.pixels.Overscan`; an amplifier without overscan keeps its pedestal.
    unit
        Unit of the result: "electron" applies the gains, "adu" does not. References are in the same unit.
    bias
        Subtracted as it is.
    dark
        Subtracted times `dark_scale`.
    dark_scale
        Needed with a dark: the frame's dark time in s for a dark per second, 1.0 for one of the same dark time.
    flat
        Divides the frame. Where it is not finite or not above zero: NaN and BAD.
    photon_noise
        False leaves the read noise alone: for bias frames, and wherever neither overscan nor bias takes the
        pedestal away, which would else be counted as photons.

    Returns
    -------
    Image
        As of :func:`correct_frame`.

    Raises
    ------
    ValueError
        When shapes or types do not match, an option is unknown, or `dark_scale` is missing.
    """
    if dark is not None and (dark_scale is None or not math.isfinite(dark_scale) or dark_scale < 0):
        raise ValueError(
            f"dark_scale: {dark_scale}; with a dark give the frame's dark time in s (dark per second) or 1.0 "
            "(dark of the same dark time)"
        )
    signature = Signature(
        overscan=Overscan(overscan), unit=unit, bias=bias, dark=dark, flat=flat, photon_noise=photon_noise
    )
    return correct_frame(raw, geometry, signature, Terms(dark_time_s=dark_scale))
