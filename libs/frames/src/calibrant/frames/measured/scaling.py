"""Products in electrons by other gains than those in force. Must not know which gains are right."""

import math

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.writing import ProductHead
from calibrant.pixels import Geometry


def gain_ratio(product: ProductHead, geometry: Geometry) -> NDArray[np.float32] | None:
    """Return what a product in electrons is multiplied by to be in electrons by the gains of a geometry.

    Parameters
    ----------
    product : ProductHead
        Says the gains that it was made with.
    geometry : Geometry
        The detector, with the gains in force.

    Returns
    -------
    ndarray or None
        Of the trimmed image's shape; None: both have the same gains, or the product does not say its own.
    """
    made = {one.name: one.gain_e_per_adu for one in product.amplifiers}
    ratios = {
        one.name: one.gain_e_per_adu / made.get(one.name, one.gain_e_per_adu) for one in geometry.amplifiers
    }
    if all(math.isclose(ratio, 1) for ratio in ratios.values()):  # a card keeps 16 digits
        return None
    plane = np.empty(geometry.shape, dtype=np.float32)
    for one in geometry.amplifiers:
        plane[one.placed.slices] = ratios[one.name]
    return plane
