"""Sums over the square around each pixel, in a time that does not depend on its size.

It owns the sums and what lies beyond an edge; it must not know what they are for.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

Beyond = Literal["nothing", "mirrored"]


def box_sums(plane: Plane, reach: int, beyond: Beyond = "nothing") -> Plane:
    """Sum the squares of ``2 reach + 1`` pixels around all pixels.

    Parameters
    ----------
    plane
        (ny, nx), finite.
    reach
        Pixels on each side.
    beyond
        What lies beyond the edges: nothing, or the image mirrored there, the edge itself included.
    """
    width = 2 * reach + 1
    for axis in (0, 1):
        length = plane.shape[axis]
        running = np.cumsum(_continued(plane, axis, reach, beyond), axis=axis)
        upper = np.take(running, np.arange(width, width + length), axis=axis)
        plane = upper - np.take(running, np.arange(length), axis=axis)
    return plane


def _continued(plane: Plane, axis: int, reach: int, beyond: Beyond) -> Plane:
    """Continue the plane on both sides, by one more before it: sums are differences."""
    ends = [(0, 0), (0, 0)]
    ends[axis] = (reach + 1, reach)
    return np.pad(plane, ends) if beyond == "nothing" else np.pad(plane, ends, mode="symmetric")
