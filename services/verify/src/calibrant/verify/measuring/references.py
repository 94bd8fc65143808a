"""Products as references in electrons, and what of them is removed from a frame. Must not know files, limits or verdicts."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.measured import gain_ratio
from calibrant.frames.writing import ProductImage
from calibrant.pixels import CosmicRays, Geometry, Others, Reference, Signature, Step, Terms
from calibrant.rules.association import TIME_TOLERANCE_S
from calibrant.verify.inputs import SUBTRACTED, InputRefused, Products

COSMIC_RAYS: Final = CosmicRays(fwhm=3.0, sigma=6.0, contrast=0.6, margin=2.5, grow=0)
"""The search in frames without light, with the numbers of Rubin's: 6 standard deviations, nothing grown."""


@dataclass(frozen=True, eq=False, slots=True)
class Correction:
    """How a frame is corrected before it is measured; references are in electrons.

    Parameters
    ----------
    geometry : Geometry
        The detector.
    signature : Signature
        What is removed, in electrons.
    dark_time_s : float or None
        Dark time that an unscaled dark is for; None for one per second.
    level_e : float
        Electrons of the unit in which the flat says what its frames were divided by.
    """

    geometry: Geometry
    signature: Signature
    dark_time_s: float | None = None
    level_e: float = 1.0

    def terms(self, dark_time_s: float | None, others: Others | None = None) -> Terms:
        """Give what is a frame's own.

        Parameters
        ----------
        dark_time_s : float or None
            The frame's dark time.
        others : callable or None
            What gives the planes of other detectors that were read with it.

        Raises
        ------
        ValueError
            The dark does not apply to the frame.
        """
        scale = None if self.signature.dark is None else self._dark_scale(dark_time_s)
        return Terms(dark_time_s=scale, others=others)

    def _dark_scale(self, dark_time_s: float | None) -> float:
        if dark_time_s is None:
            raise ValueError("the header gives no dark time, so the dark cannot be applied")
        if self.dark_time_s is None:
            return dark_time_s
        if abs(dark_time_s - self.dark_time_s) > TIME_TOLERANCE_S:
            raise ValueError(
                f"its dark time is {dark_time_s:g} s, but the dark is stored unscaled for {self.dark_time_s:g} s and "
                "applies only to frames of the same dark time"
            )
        return 1.0


def correction(products: Products, kind: str, geometry: Geometry, corrected: Signature) -> Correction:
    """Give what is removed from frames of a kind before they are measured.

    A dark that is not per second was made without a bias and holds the bias's structure itself: no bias is
    subtracted beside it.

    Parameters
    ----------
    products : Products
        The product verified and the others.
    kind : str
        Kind of calibration verified.
    geometry : Geometry
        The detector.
    corrected : Signature
        What is removed before any product.

    Raises
    ------
    InputRefused
        An unscaled dark does not say its dark time.
    """
    bias, dark = products.bias, products.dark
    unscaled = dark is not None and not dark.per_second
    if dark is not None and unscaled and dark.dark_time_s is None:
        raise InputRefused(f"{dark.provenance.product_id}: is stored unscaled without its dark time")
    removed = replace(
        corrected,
        bias=None if bias is None or unscaled else in_electrons(bias, geometry),
        dark=None if dark is None else in_electrons(dark, geometry),
        flat=None if products.flat is None else in_electrons(products.flat, geometry),
        photon_noise=kind != "bias",
        barriers={**corrected.barriers, **({Step.COSMIC_RAYS: COSMIC_RAYS} if kind in SUBTRACTED else {})},
    )
    return Correction(
        geometry,
        removed,
        dark.dark_time_s if dark is not None and unscaled else None,
        1.0 if products.flat is None else level_in_electrons(products.flat, geometry),
    )


def in_electrons(product: ProductImage, geometry: Geometry) -> Reference:
    """Return a product as a reference in electrons, by the gains in force.

    A flat has no unit, but one made of frames in ADU holds the ratios of the gains, and one of frames in electrons those of
    the gains in force to its own: they are taken out. The variance is left out: it is the scatter of the frames, and would
    hide a ray of one of them that the product could not reject.

    Parameters
    ----------
    product : ProductImage
        In electron or adu, per second or not, or without unit.
    geometry : Geometry
        Where the amplifiers are, and their gains.
    """
    gains = _gains(product, geometry)
    if gains is None:
        return Reference(product.data, None, product.mask)
    if not product.unit:
        gains /= gains.mean(dtype=np.float64)
    return Reference(product.data * gains, None, product.mask)


def level_in_electrons(flat: ProductImage, geometry: Geometry) -> float:
    """Return the electrons of the unit in which a flat says the levels of its frames, by the gains in force.

    The mean gain: a flat without unit has the ratios of the gains, by :func:`in_electrons`.
    """
    gains = _gains(flat, geometry)
    return 1.0 if gains is None else float(gains.mean(dtype=np.float64))


def _gains(product: ProductImage, geometry: Geometry) -> NDArray[np.float32] | None:
    """Return what brings each pixel into electrons by the gains in force; None: it is in them."""
    made_in = product.unit or str(product.provenance.parameters.get("unit", "electron"))
    return _plane_of_gains(geometry) if made_in.startswith("adu") else gain_ratio(product, geometry)


def _plane_of_gains(geometry: Geometry) -> NDArray[np.float32]:
    gains = np.empty(geometry.shape, dtype=np.float32)
    for amplifier in geometry.amplifiers:
        gains[amplifier.placed.slices] = amplifier.gain_e_per_adu
    return gains
