"""What lies in the amplifiers of one exposure: their levels, where sources are bright, and what cannot be trusted.

It owns the preparation of planes for the fit of coefficients, and how much of it is in memory at once: one amplifier, what is
common to all, and the pixels that are bright. It must not know the fit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.crosstalk.matrix import Reason
from calibrant.pixels.growing import grown
from calibrant.pixels.image import ReadoutPlane
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.smooth import Surface, smooth_surface

_STANDS_OUT: Final = 5.0
_UNEVEN: Final = 2.0
_FEWEST: Final = 0.1

_FAINT: Final = 0.01
"""Of `bright`: a pixel where all sources are fainter says nothing of crosstalk, and is used for the level."""

_UNKNOWN: Final = Mask.SATURATED | Mask.NO_DATA
"""What a source leaks is unknown where its own signal is."""


@dataclass(frozen=True, eq=False)
class Source:
    """An amplifier that leaks.

    Parameters
    ----------
    surface
        Its level, below its bright pixels.
    usable
        Whether half of it at least is known: neither saturated nor without value.
    saturated
        Number of saturated pixels.
    bright
        Numbers of its bright pixels in the flattened plane; if there are too many, some of them.
    """

    surface: Surface
    usable: bool
    saturated: int
    bright: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Signal:
    """What a source shows in the pixels that count for anybody.

    Parameters
    ----------
    level, excess
        float64, (pixels,): below its bright pixels, and above that; 0 where it is unknown.
    bright
        Where it is known, and brighter than asked for.
    """

    level: NDArray[np.float64]
    excess: NDArray[np.float64]
    bright: NDArray[np.bool_]

    def powers(self, terms: int) -> list[NDArray[np.float64]]:
        """Give what leaks with the first coefficient, and the second: the signal and its square, above the level's."""
        return [self.excess, self.excess * (self.excess + 2 * self.level)][:terms]


@dataclass(frozen=True, eq=False)
class Scene:
    """The sources of one exposure.

    Parameters
    ----------
    shape
        (rows, columns) that are looked at.
    planes, sources
        By channel.
    known
        (rows, columns): where no usable source is unknown.
    quiet
        (rows, columns): where all are known and faint.
    light
        float64, (rows, columns): what all of them show above their levels together.
    """

    shape: tuple[int, int]
    planes: Mapping[str, ReadoutPlane]
    sources: Mapping[str, Source]
    known: NDArray[np.bool_]
    quiet: NDArray[np.bool_]
    light: NDArray[np.float64]

    def light_beside(self, name: str) -> NDArray[np.float64]:
        """Give what all sources but one show above their levels; (rows, columns)."""
        if name not in self.sources:
            return self.light
        data, mask = _cut(self.planes[name], self.shape)
        own = np.where(_unknown(data, mask), 0.0, data - self.sources[name].surface.plane())
        return self.light - np.maximum(own, 0)

    def bright_pixels(self) -> NDArray[np.intp]:
        """Give the numbers of the pixels that are bright in one source at least, in order."""
        return np.unique(np.concatenate([one.bright for one in self.sources.values()]))

    def signals(self, pixels: NDArray[np.intp], bright: float) -> dict[str, Signal]:
        """Give what each source shows in some pixels, by their numbers."""
        found = {}
        for name, one in self.sources.items():
            data, mask = _cut(self.planes[name], self.shape)
            shown, level = data.reshape(-1)[pixels], one.surface.at(pixels)
            excess = np.where(_unknown(shown, mask.reshape(-1)[pixels]), 0.0, shown - level)
            found[name] = Signal(level, excess, excess > bright)
        return found


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
    def reason(self) -> Reason:
        """Why nothing can be measured in it; `Reason.MEASURED` where something can."""
        if self.usable.mean() < 0.5:
            return Reason.VICTIM_UNUSABLE
        if not self.pixel_noise > 0:
            return Reason.VICTIM_DEAD
        smooth = self.noise <= _UNEVEN * self.pixel_noise  # the level explains its pixels, but for noise
        return Reason.MEASURED if smooth else Reason.VICTIM_UNEVEN


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


def survey(
    planes: Mapping[str, ReadoutPlane], shape: tuple[int, int], bright: float, degree: int, most: int
) -> Scene:
    """Look at all amplifiers as such that leak, one after the other.

    Parameters
    ----------
    planes
        The amplifiers.
    shape
        (rows, columns) that are looked at.
    bright
        Signal above the level from which a pixel is bright.
    degree
        Of the surface that is the level.
    most
        Bright pixels of one source that are kept, evenly chosen of all.
    """
    unknown, quiet, light = np.zeros(shape, bool), np.ones(shape, bool), np.zeros(shape)
    sources = {}
    for name, plane in planes.items():
        data, mask = _cut(plane, shape)
        lost = _unknown(data, mask)
        surface = smooth_surface(data, ~lost & _good(mask), degree)
        excess = np.where(lost, 0.0, data - surface.plane())
        sources[name] = Source(
            surface,
            usable=bool(lost.mean() <= 0.5),
            saturated=int(((mask & np.uint32(Mask.SATURATED)) != 0).sum()),
            bright=_evenly(np.flatnonzero(excess > bright), most),
        )
        unknown |= lost & sources[name].usable
        quiet &= np.abs(excess) < _FAINT * bright
        light += np.maximum(excess, 0)
    return Scene(shape, planes, sources, ~unknown, quiet & ~unknown, light)


def as_victim(
    plane: ReadoutPlane, shape: tuple[int, int], quiet: NDArray[np.bool_], degree: int, grow: int
) -> Victim:
    """Look at an amplifier as one that is leaked into.

    Its level comes from pixels where nobody is bright; then again without those that stand out of it by 5 standard
    deviations, and `grow` pixels around them.
    """
    data, mask = _cut(plane, shape)
    usable = _good(mask) & np.isfinite(data)
    calm = _most(usable & quiet, usable)
    excess = np.where(usable, data - smooth_surface(data, calm, degree).plane(), 0.0)
    calm = _most(calm & ~grown(calm & (np.abs(excess) > _STANDS_OUT * _spread(excess[calm])), grow), calm)
    excess = np.where(usable, data - smooth_surface(data, calm, degree).plane(), 0.0)
    differences = np.diff(excess, axis=1)[calm[:, 1:] & calm[:, :-1]]
    return Victim(excess, usable, calm, _spread(excess[calm]), _spread(differences) / math.sqrt(2))


def _evenly(pixels: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Give no more than so many of some pixels, evenly chosen."""
    return pixels[:: max(1, math.ceil(pixels.size / most))]


def _unknown(data: NDArray[np.float64], mask: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Say where the signal of a source is not known."""
    lost: NDArray[np.bool_] = ((mask & np.uint32(_UNKNOWN)) != 0) | ~np.isfinite(data)
    return lost


def _good(mask: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.asarray((mask & np.uint32(UNUSABLE)) == 0)


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
