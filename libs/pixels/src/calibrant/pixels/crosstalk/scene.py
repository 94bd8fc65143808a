"""What lies in the amplifiers of one exposure: their levels, where sources are bright, and what cannot be trusted.

It owns the preparation of planes for the fit of coefficients; it must not know the fit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.crosstalk.background import smooth_level
from calibrant.pixels.crosstalk.channels import ReadoutPlane
from calibrant.pixels.growing import grown
from calibrant.pixels.mask import UNUSABLE, Mask

_STANDS_OUT: Final = 5.0
_UNEVEN: Final = 2.0
_FEWEST: Final = 0.1

_UNKNOWN: Final = Mask.SATURATED | Mask.NO_DATA
"""What a source leaks is unknown where its own signal is."""


@dataclass(frozen=True, eq=False)
class Source:
    """An amplifier that leaks.

    Parameters
    ----------
    level
        float64, below its bright pixels.
    excess
        float64, its signal above that; 0 where it is unknown.
    unknown
        Where it is saturated or has no value.
    bright
        Where it is known, and brighter than asked for.
    saturated
        Number of saturated pixels.
    """

    level: NDArray[np.float64]
    excess: NDArray[np.float64]
    unknown: NDArray[np.bool_]
    bright: NDArray[np.bool_]
    saturated: int

    @cached_property
    def usable(self) -> bool:
        """Whether half of it at least is known."""
        return bool(self.unknown.mean() <= 0.5)

    def powers(self, terms: int) -> list[NDArray[np.float64]]:
        """Give what leaks with the first coefficient, and the second: the signal and its square, above the level's."""
        return [self.excess, self.excess * (self.excess + 2 * self.level)][:terms]


@dataclass(frozen=True, eq=False)
class Victim:
    """An amplifier that is leaked into.

    Parameters
    ----------
    excess
        float64, its signal above its level; 0 where it is not usable.
    usable
        Where it is.
    calm
        Where nobody is bright, and it shows no light of its own.
    noise
        Robust standard deviation of `excess` there.
    pixel_noise
        The same from differences of neighbours in a row: without what is uneven in the level.
    """

    excess: NDArray[np.float64]
    usable: NDArray[np.bool_]
    calm: NDArray[np.bool_]
    noise: float
    pixel_noise: float

    @property
    def smooth(self) -> bool:
        """Whether the level explains its pixels, but for noise."""
        return self.noise <= _UNEVEN * self.pixel_noise


def common_shape(planes: Mapping[str, ReadoutPlane]) -> tuple[int, int]:
    """Give the rows and columns that all planes have."""
    for name, one in planes.items():
        if one.data.ndim != 2 or one.mask.shape != one.data.shape:
            raise ValueError(
                f"crosstalk: {name!r} has data of shape {one.data.shape} and a mask of {one.mask.shape}; both must "
                "be (rows, columns)"
            )
    return min(one.data.shape[0] for one in planes.values()), min(
        one.data.shape[1] for one in planes.values()
    )


def as_source(plane: ReadoutPlane, shape: tuple[int, int], bright: float, degree: int) -> Source:
    """Look at an amplifier as one that leaks."""
    data, mask = _cut(plane, shape)
    unknown = ((mask & np.uint32(_UNKNOWN)) != 0) | ~np.isfinite(data)
    level = smooth_level(data, ~unknown & ((mask & np.uint32(UNUSABLE)) == 0), degree)
    excess = np.where(unknown, 0.0, data - level)
    saturated = int(((mask & np.uint32(Mask.SATURATED)) != 0).sum())
    return Source(level, excess, unknown, excess > bright, saturated)


def as_victim(
    plane: ReadoutPlane, shape: tuple[int, int], quiet: NDArray[np.bool_], degree: int, grow: int
) -> Victim:
    """Look at an amplifier as one that is leaked into.

    Its level comes from pixels where nobody is bright; then again without those that stand out of it by 5 standard
    deviations, and `grow` pixels around them.
    """
    data, mask = _cut(plane, shape)
    usable = ((mask & np.uint32(UNUSABLE)) == 0) & np.isfinite(data)
    calm = _most(usable & quiet, usable)
    excess = np.where(usable, data - smooth_level(data, calm, degree), 0.0)
    calm = _most(calm & ~grown(calm & (np.abs(excess) > _STANDS_OUT * _spread(excess[calm])), grow), calm)
    excess = np.where(usable, data - smooth_level(data, calm, degree), 0.0)
    differences = np.diff(excess, axis=1)[calm[:, 1:] & calm[:, :-1]]
    return Victim(excess, usable, calm, _spread(excess[calm]), _spread(differences) / math.sqrt(2))


def _most(wanted: NDArray[np.bool_], otherwise: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the pixels that are wanted, if a tenth of all is left of them."""
    return wanted if wanted.mean() > _FEWEST else otherwise


def _spread(values: NDArray[np.float64]) -> float:
    if not values.size:
        return 0.0
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def _cut(plane: ReadoutPlane, shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    part = (slice(0, shape[0]), slice(0, shape[1]))
    return plane.data[part].astype(np.float64), plane.mask[part]
