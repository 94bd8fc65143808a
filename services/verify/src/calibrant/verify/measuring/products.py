"""What the product verified shows by itself, by amplifier: whether it looks like its kind. Must not know limits.

Only what can be told of the kind: of a bias ABOVE_OVERSCAN, its median above the overscans [electron]; of a dark per second
DARK_CURRENT, its median, and NOMINAL_DARK_CURRENT [electron/s]; of a flat LINES, how many narrow bright lines cross it.
"""

import numpy as np

from calibrant.frames.instrument import Instrument
from calibrant.frames.writing import ProductImage
from calibrant.pixels import Amplifier
from calibrant.pixels.lines import count_lines
from calibrant.pixels.mask import UNUSABLE
from calibrant.verify.measuring.amplifiers import Values


def product_values(product: ProductImage, instrument: Instrument) -> dict[str, Values]:
    """Measure a product.

    Parameters
    ----------
    product : ProductImage
        The product verified.
    instrument : Instrument
        Its camera.

    Returns
    -------
    dict of str to dict of str to float
        By amplifier; empty where nothing can be told.
    """
    amplifiers = instrument.geometry(product.detector).amplifiers
    nominal = instrument.detector(product.detector).dark_current_e_per_s
    return {one.name: _values(product, one, nominal) for one in amplifiers}


def _values(product: ProductImage, amplifier: Amplifier, nominal_e_per_s: float) -> Values:
    if product.kind == "flat":
        mask = None if product.mask is None else product.mask[amplifier.placed.slices]
        return {"LINES": float(count_lines(product.data[amplifier.placed.slices], mask))}
    if product.kind == "bias" and product.overscan != "none":
        return {"ABOVE_OVERSCAN": _median_e(product, amplifier)}
    if product.kind == "dark" and product.per_second:
        return {"DARK_CURRENT": _median_e(product, amplifier), "NOMINAL_DARK_CURRENT": nominal_e_per_s}
    return {}


def _median_e(product: ProductImage, amplifier: Amplifier) -> float:
    """Return the median of an amplifier's good pixels, in electrons; NaN where none is good."""
    data = product.data[amplifier.placed.slices]
    if product.mask is not None:
        data = data[(product.mask[amplifier.placed.slices] & np.uint32(UNUSABLE)) == 0]
    scale = 1.0 if product.unit.startswith("electron") else amplifier.gain_e_per_adu
    return float(np.median(data)) * scale if data.size else float("nan")
