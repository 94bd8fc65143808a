"""Charge where a frame does not tell it: what the pixels around hold.

It owns the estimate for pixels without a value; it must not know what it is used for.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.boxes import box_sums

Plane = NDArray[np.float64]

_WIDEST: Final = 64
"""Half the side, in pixels, of the largest square that is looked at."""


def filled(values: Plane, known: NDArray[np.bool_]) -> Plane:
    """Give values everywhere: where none is known, the mean of those known in the smallest square around that has one.

    Squares have sides of 3, 5, 9 and so on to 129 pixels; where there is none even then, it is 0.

    Parameters
    ----------
    values
        (ny, nx); of any value where not known.
    known
        The same shape.
    """
    result = np.where(known, values, 0.0)
    missing, reach = ~known, 1
    total = result
    while missing.any() and reach <= _WIDEST:
        counts, sums = box_sums(known.astype(np.float64), reach), box_sums(total, reach)
        near = missing & (counts > 0.5)
        result = np.where(near, sums / np.maximum(counts, 1), result)
        missing, reach = missing & ~near, 2 * reach
    return result
