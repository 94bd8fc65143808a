"""Vampire pixels: a dark core whose light the pixels around it have drunk, so that they form a bright rim.

It owns their search in a flat; it must not know other defects. They are found in sensors of Rubin's camera, and what they do to
their surroundings depends on the light: the whole group is bad.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Geometry
from calibrant.pixels.mask import MASK_DTYPE, UNUSABLE, Mask
from calibrant.pixels.smooth import levelled
from calibrant.pixels.statistics import clipped_statistics


@dataclass(frozen=True, slots=True)
class Vampires:
    """What is a vampire.

    Parameters
    ----------
    bright
        A pixel of the rim is above this part of the clipped mean.
    core
        A pixel of the core is below this part of it.
    least
        Pixels of the rim at least.
    reach
        Pixels of a group are no farther than this from one another, in pixels: 1 wants them to touch.
    cell
        Side of the cells of the flat's smooth surface, by which it is divided first, in pixels.

    Raises
    ------
    ValueError
        When a number makes no sense.

    Notes
    -----
    `bright` and `cell` are those of eo_pipe's search, which takes every group of bright pixels. A core is asked for
    here, so that what is merely bright stays a bright pixel.
    """

    bright: float = 1.2
    core: float = 0.8
    least: int = 4
    reach: int = 2
    cell: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.core < 1 < self.bright:
            raise ValueError(
                f"vampires: core {self.core} must be below 1 and above 0, bright {self.bright} above 1"
            )
        if self.least < 1 or self.reach < 1 or self.cell < 2:
            raise ValueError(
                f"vampires: least {self.least} and reach {self.reach} must be at least 1, cell {self.cell} 2"
            )


def find_vampires(
    flat: NDArray[Any], mask: NDArray[Any] | None, geometry: Geometry, vampires: Vampires | None = None
) -> NDArray[np.uint32]:
    """Find the vampire pixels of a flat.

    Parameters
    ----------
    flat
        (ny, nx), any unit.
    mask
        uint32, (ny, nx), or None: every pixel is good.
    geometry
        The detector.
    vampires
        What is one; None: as `Vampires` has it.

    Returns
    -------
    ndarray
        uint32, (ny, nx): BAD at rims and cores, DEAD at cores too. An amplifier without light has none.

    Raises
    ------
    ValueError
        When the flat does not have the geometry's shape.
    """
    what = vampires or Vampires()
    if flat.shape != geometry.shape:
        raise ValueError(f"flat: shape {flat.shape}, but the geometry says {geometry.shape}")
    good = np.isfinite(flat)
    if mask is not None:
        good &= (mask & np.uint32(UNUSABLE)) == 0
    rim, core = np.zeros(flat.shape, bool), np.zeros(flat.shape, bool)
    for amplifier in geometry.amplifiers:
        part = amplifier.placed.slices
        values = levelled(np.where(good[part], flat[part], np.nan), what.cell)
        level = clipped_statistics(values, 3.0).mean
        if level > 0:
            rim[part], core[part] = values > what.bright * level, values < what.core * level
    return _groups_with_core(rim, core, what)


def _groups_with_core(rim: NDArray[np.bool_], core: NDArray[np.bool_], what: Vampires) -> NDArray[np.uint32]:
    """Mark the groups that have a core and enough of a rim."""
    places = np.flatnonzero(rim | core)
    labels = _labels(places, rim.shape, what.reach)
    is_core = core.ravel()[places]
    bright = np.bincount(labels[~is_core], minlength=places.size)
    cores = np.bincount(labels[is_core], minlength=places.size)
    taken = ((bright >= what.least) & (cores > 0))[labels]
    marked = np.zeros(rim.shape, MASK_DTYPE)
    marked.ravel()[places[taken]] = Mask.BAD
    marked.ravel()[places[taken & is_core]] |= np.uint32(Mask.DEAD)
    return marked


def _labels(places: NDArray[np.intp], shape: tuple[int, int], reach: int) -> NDArray[np.intp]:
    """Give pixels that hang together the same number: that of the first of their group.

    Parameters
    ----------
    places
        The pixels, by their ascending places in the raveled plane.
    shape
        Of the plane.
    reach
        Pixels so near, along rows and columns, hang together.
    """
    firsts, seconds = _pairs(places, shape[1], reach)
    labels = np.arange(places.size)
    while True:
        lower = labels.copy()
        np.minimum.at(lower, firsts, labels[seconds])
        np.minimum.at(lower, seconds, labels[firsts])
        lower = lower[lower]
        if np.array_equal(lower, labels):
            return labels
        labels = lower


def _pairs(places: NDArray[np.intp], width: int, reach: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give all pairs of pixels that are near one another, by their indices."""
    columns = places % width
    firsts, seconds = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for down in range(reach + 1):
        for right in range(-reach if down else 1, reach + 1):
            wanted = places + down * width + right
            found = np.searchsorted(places, wanted)
            there = (columns + right >= 0) & (columns + right < width) & (found < places.size)
            there[there] = places[found[there]] == wanted[there]
            firsts.append(np.flatnonzero(there))
            seconds.append(found[there])
    return np.concatenate(firsts), np.concatenate(seconds)
