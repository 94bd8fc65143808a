"""Narrow bright lines across an image, as an arc or the night sky puts them on a spectrograph's detector."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.mask import UNUSABLE

STRIPS: Final = 8
"""Strips that an image is cut into, so that lines may be curved or aslant."""
DEPTH: Final = 32
"""Lines of pixels of a strip that are looked at, evenly spread: enough for a median."""
WINDOW: Final = 31
"""Pixels over which the light beneath a line is taken from, their median."""
WIDEST: Final = 12
"""Pixels; what is wider is a bump of a lamp's spectrum or the edge of a slit."""
CONTRAST: Final = 1.0
"""Height of a line over the light beneath it: an arc's are many times that; fringes in the red reach half of it."""
SIGMAS: Final = 8.0
"""Height of a line over the profile's own scatter, robust, that noise does not reach."""
REGULAR: Final = 0.35
"""Standard deviation of the distances between lines over their mean, below which they are an echelle's orders or fibres."""


def count_lines(image: NDArray[np.floating[Any]], mask: NDArray[np.uint32] | None = None) -> int:
    """Count the narrow bright lines that run along the columns or along the rows, at uneven distances.

    Parameters
    ----------
    image : ndarray
        Rows and columns, in any unit that is 0 without light.
    mask : ndarray, optional
        Pixels that are not to be used are left out.

    Returns
    -------
    int
        Of the direction and the strip that has most.
    """
    unknown = np.zeros(image.shape, bool) if mask is None else (mask & np.uint32(UNUSABLE)) != 0
    return max(_along(image, unknown), _along(image.T, unknown.T))


def _along(image: NDArray[np.floating[Any]], unknown: NDArray[np.bool_]) -> int:
    """Count the lines that run along the columns, in the strip of rows that shows most."""
    found = 0
    for rows in np.array_split(np.arange(len(image)), min(STRIPS, len(image))):
        looked_at = rows[:: max(1, len(rows) // DEPTH)]
        found = max(found, _lines(_profile(np.where(unknown[looked_at], np.nan, image[looked_at]))))
    return found


def _profile(strip: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the median of each column; 0 where nothing is known."""
    known = ~np.isnan(strip).all(axis=0)
    profile = np.zeros(strip.shape[1])
    profile[known] = np.nanmedian(strip[:, known], axis=0)
    return profile


def _lines(profile: NDArray[np.float64]) -> int:
    """Count the narrow peaks of a profile, unless they follow each other evenly."""
    if len(profile) < WINDOW:
        return 0
    padded = np.pad(profile, WINDOW // 2, mode="reflect")
    beneath = np.median(np.lib.stride_tricks.sliding_window_view(padded, WINDOW), axis=1)
    above = profile - beneath
    noise = MAD_TO_SIGMA * np.median(np.abs(above))
    high = above > np.maximum(CONTRAST * np.abs(beneath), SIGMAS * noise)
    edges = np.flatnonzero(np.diff(high, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    places = begins[ends - begins <= WIDEST]
    apart = np.diff(places)
    return 0 if len(apart) > 1 and apart.std() < REGULAR * apart.mean() else len(places)
