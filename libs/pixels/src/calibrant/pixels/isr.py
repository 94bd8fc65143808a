"""Instrument-signature removal of one frame, from raw ADU to a corrected image.

It owns the order of the stages: overscan, saturation, gain, trim and assembly, bias, photon and read noise,
dark, missing pixels, flat. It must not know where frames and references come from, nor how they were chosen.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.image import Image, OverscanLevel, Reference, Unit
from calibrant.pixels.mask import MASK_DTYPE, Mask
from calibrant.pixels.overscan import OverscanMethod, measure_overscan

__all__ = ["Image", "OverscanLevel", "Reference", "remove_signature"]


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
    """Remove the instrument's signature from one frame.

    The variance is ``max(signal, 0) + read_noise_e**2`` in electron squared, and ``max(signal, 0) / gain +
    (read_noise_e / gain)**2`` in ADU squared, where the signal is what is left after overscan and bias and
    before the dark (dark current makes shot noise too). The references' own variances are added when given.
    The noise of the overscan level is not included.

    Parameters
    ----------
    raw
        Raw frame in ADU, of shape ``geometry.raw_shape``; integer or floating, any byte order; left unchanged.
    geometry
        The detector.
    overscan
        See :func:`calibrant.pixels.overscan.measure_overscan`; an amplifier without overscan keeps its pedestal.
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
        Of shape ``geometry.shape``. A pixel that is not finite is NaN in data and variance, and NO_DATA. Masks of
        the references are joined to it.

    Raises
    ------
    ValueError
        When shapes or types do not match, an option is unknown, or `dark_scale` is missing.
    """
    raw = _checked(raw, geometry, overscan, unit)
    data, mask, levels = _assemble(raw, geometry, overscan, unit)
    if bias is not None:
        data -= _plane("bias", bias.data, geometry)
    variance = _noise(data, geometry, unit, photon_noise)
    if bias is not None:
        _add_noise("bias", bias, 1.0, variance, geometry)
        _join_mask("bias", bias, mask)
    if dark is not None:
        scale = _dark_scale(dark_scale)
        data -= _plane("dark", dark.data, geometry) * np.float32(scale)
        _add_noise("dark", dark, scale, variance, geometry)
        _join_mask("dark", dark, mask)
    missing = ~np.isfinite(data)
    data[missing] = np.nan
    variance[missing] = np.nan
    mask[missing] |= np.uint32(Mask.NO_DATA)
    if flat is not None:
        _divide(data, variance, mask, flat, geometry)
    return Image(data, variance, mask, levels, unit)


def _checked(raw: NDArray[Any], geometry: Geometry, overscan: str, unit: str) -> NDArray[Any]:
    raw = np.asarray(raw)
    if raw.shape != geometry.raw_shape:
        raise ValueError(f"raw frame: shape {raw.shape}, but the geometry says {geometry.raw_shape}")
    if raw.dtype.kind not in "iuf":
        raise ValueError(f"raw frame: type {raw.dtype}, must be integer or floating")
    if overscan not in {"median", "median-per-row", "none"}:
        raise ValueError(f"overscan: {overscan!r}, must be 'median', 'median-per-row' or 'none'")
    if unit not in {"electron", "adu"}:
        raise ValueError(f"unit: {unit!r}, must be 'electron' or 'adu'")
    return raw


def _dark_scale(dark_scale: float | None) -> float:
    if dark_scale is None or not math.isfinite(dark_scale) or dark_scale < 0:
        raise ValueError(
            f"dark_scale: {dark_scale}; with a dark give the frame's dark time in s (dark per second) or 1.0 "
            "(dark of the same dark time)"
        )
    return dark_scale


def _plane(name: str, plane: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    """Give a plane of a reference in native float32, once its shape is right."""
    if plane.shape != geometry.shape:
        raise ValueError(f"{name}: shape {plane.shape}, but the assembled frame has {geometry.shape}")
    return plane.astype(np.float32, copy=False)


def _assemble(
    raw: NDArray[Any], geometry: Geometry, overscan: OverscanMethod, unit: Unit
) -> tuple[NDArray[np.float32], NDArray[np.uint32], dict[str, OverscanLevel | None]]:
    data = np.empty(geometry.shape, dtype=np.float32)
    mask = np.zeros(geometry.shape, dtype=MASK_DTYPE)
    levels: dict[str, OverscanLevel | None] = {}
    for amplifier in geometry.amplifiers:
        pixels = _flipped(raw[amplifier.image.slices], amplifier).astype(np.float64)
        if amplifier.saturation_adu is not None:
            saturated = pixels >= amplifier.saturation_adu
            mask[amplifier.placed.slices][saturated] = Mask.SATURATED
        measured = measure_overscan(raw, amplifier, overscan)
        levels[amplifier.name] = None if measured is None else measured[1]
        if measured is not None:
            pixels -= _flipped(measured[0], amplifier)
        if unit == "electron":
            pixels *= amplifier.gain_e_per_adu
        data[amplifier.placed.slices] = pixels
    return data, mask, levels


def _flipped(block: NDArray[Any], amplifier: Amplifier) -> NDArray[Any]:
    return block[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]


def _noise(
    data: NDArray[np.float32], geometry: Geometry, unit: Unit, photon_noise: bool
) -> NDArray[np.float32]:
    variance = np.empty(geometry.shape, dtype=np.float32)
    for amplifier in geometry.amplifiers:
        gain = 1.0 if unit == "electron" else amplifier.gain_e_per_adu
        read = (amplifier.read_noise_e / gain) ** 2
        part = amplifier.placed.slices
        variance[part] = np.maximum(data[part], 0) / gain + read if photon_noise else read
    return variance


def _add_noise(
    name: str, reference: Reference, scale: float, variance: NDArray[np.float32], geometry: Geometry
) -> None:
    """Add the variance of what was subtracted, times the square of its scale, in place."""
    if reference.variance is not None:
        variance += _plane(f"{name} variance", reference.variance, geometry) * np.float32(scale**2)


def _join_mask(name: str, reference: Reference, mask: NDArray[np.uint32]) -> None:
    """Join a reference's mask bits, in place."""
    if reference.mask is not None:
        if reference.mask.shape != mask.shape:
            raise ValueError(
                f"{name} mask: shape {reference.mask.shape}, but the assembled frame has {mask.shape}"
            )
        mask |= reference.mask.astype(MASK_DTYPE)


def _divide(
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    mask: NDArray[np.uint32],
    flat: Reference,
    geometry: Geometry,
) -> None:
    """Divide by the flat in place: ``var = (var + (data / flat)**2 * var_flat) / flat**2``."""
    response = _plane("flat", flat.data, geometry)
    bad = ~(np.isfinite(response) & (response > 0))
    response = np.where(bad, np.float32(np.nan), response)
    data /= response
    if flat.variance is not None:
        variance += data**2 * _plane("flat variance", flat.variance, geometry)
    variance /= response**2
    _join_mask("flat", flat, mask)
    mask[bad] |= np.uint32(Mask.BAD)
