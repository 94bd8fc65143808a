"""Marked pixels and what surrounds them.

It owns the growth of a mark by squares; it must not know what is marked.
"""

import numpy as np
from numpy.typing import NDArray


def grown(marked: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Mark all pixels within `by` rows and columns of a marked one.

    Parameters
    ----------
    marked
        (ny, nx).
    by
        Pixels, not negative; 0 gives the same marks.
    """
    wide = np.pad(marked, by)
    rows = np.any([wide[k : k + marked.shape[0]] for k in range(2 * by + 1)], axis=0)
    around: NDArray[np.bool_] = np.any([rows[:, k : k + marked.shape[1]] for k in range(2 * by + 1)], axis=0)
    return around
