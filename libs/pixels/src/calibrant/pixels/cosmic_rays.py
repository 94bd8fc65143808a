"""Cosmic rays in a single frame: what is sharper than light can be, and what surrounds it.

It owns the search, a barrier of finite reach; it must not know steps, other frames, or how masked pixels are used.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Geometry
from calibrant.pixels.growing import grown
from calibrant.pixels.mask import UNUSABLE, Mask
from calibrant.pixels.signature import Band

FWHM_TO_SIGMA: Final = 1 / math.sqrt(8 * math.log(2))

_PAIRS: Final = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, math.sqrt(2)), (1, -1, math.sqrt(2)))
"""Rows and columns to one of two opposite neighbours, and their distance."""


@dataclass(frozen=True)
class CosmicRays:
    """Marks pixels struck by cosmic rays as COSMIC_RAY: the contrast search of SDSS' and Rubin's pipelines.

    With the background subtracted, a pixel of value p and standard deviation s is struck when p exceeds ``sigma s``;
    it exceeds the mean m of one at least of its four pairs of opposite neighbours by ``sigma s`` (a ray that grazes the
    detector is as bright on both sides along its track); and for one pair at least, ``contrast * P * (p - margin s) >
    m + margin s_m``, where s_m is the standard deviation of m, and P the ratio of pair and centre in the image of a
    point. Then pixels that touch a struck one are looked at again, with the struck ones at the background, half of
    `sigma` and a margin of 0; and in the end all within `grow` pixels, in each direction, are marked. Pixels that are
    unusable already are taken as background, and never found.

    Parameters
    ----------
    fwhm
        Of the image of a point, a Gaussian, in pixels. Charge that is sharper cannot come from light.
    sigma
        Standard deviations.
    contrast, margin
        As above.
    background
        Level of the frame without rays, in its unit; near 0 in a dark without overscan level and bias.
    iterations
        Further looks after the first one.
    grow
        Pixels.

    Raises
    ------
    ValueError
        When a number makes no sense.

    Notes
    -----
    R. H. Lupton, "Finding and Removing Cosmic Rays" (description of SDSS' photo,
    https://www.astro.princeton.edu/~rhl/overview/CR.html), and its code in Rubin's meas_algorithms (CR.cc,
    findCosmicRaysConfig.py), which has the defaults of `sigma` (minSigma 6), `margin` (cond3_fac 2.5), `contrast`
    (cond3_fac2 0.6) and `iterations` (niteration 3), and which relaxes the later looks to half of sigma and no margin.
    `fwhm` and `grow` are those with which Rubin's cp_pipe searches darks (psfFwhm 3, crGrow 2). Departures: struck
    pixels are taken as background, not interpolated; no least charge is asked of a whole ray (min_DN), which would
    need all of it at once; p itself has to exceed ``sigma s``. It is another search than the Laplacian one of van
    Dokkum 2001 (PASP 113, 1420). A hot pixel looks the same in a single frame: put it into the signature's defects.
    """

    fwhm: float = 3.0
    sigma: float = 6.0
    contrast: float = 0.6
    margin: float = 2.5
    background: float = 0.0
    iterations: int = 3
    grow: int = 2

    def __post_init__(self) -> None:
        for name in ("fwhm", "sigma", "contrast"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"cosmic rays: {name} is {getattr(self, name)}, must be positive")
        for name, least in (("margin", 0), ("iterations", 0), ("grow", 0)):
            if not getattr(self, name) >= least:
                raise ValueError(f"cosmic rays: {name} is {getattr(self, name)}, must be at least {least}")

    @property
    def reach(self) -> int:
        """Rows that decide on a pixel: each look goes one further, and the growth the rest."""
        return self.iterations + 1 + self.grow

    def apply(self, band: Band, geometry: Geometry) -> None:  # noqa: ARG002  barriers are told the geometry
        """Mark the pixels of a band."""
        assert band.variance is not None
        usable = ((band.mask & np.uint32(UNUSABLE)) == 0) & np.isfinite(band.data)
        value = np.pad(np.where(usable, band.data, self.background) - self.background, 1, mode="edge")
        variance = np.pad(np.where(usable, band.variance, 0), 1, mode="edge")
        usable = np.pad(usable, 1)
        struck = np.zeros_like(usable)
        candidates, sigma, margin = usable, self.sigma, self.margin
        for _ in range(self.iterations + 1):
            bright = candidates & (value > 0) & (value * value > sigma**2 * variance)
            places = np.flatnonzero(bright)
            hit = places[self._sharp(value, variance, places, sigma, margin)]
            if not hit.size:
                break
            for plane, background in ((struck, True), (value, 0), (variance, 0)):
                plane.ravel()[hit] = background
            candidates, sigma, margin = usable & ~struck & grown(struck, 1), self.sigma / 2, 0.0
        if struck.any():
            band.mask[grown(struck[1:-1, 1:-1], self.grow)] |= np.uint32(Mask.COSMIC_RAY)

    def _sharp(
        self,
        value: NDArray[Any],
        variance: NDArray[Any],
        places: NDArray[np.intp],
        sigma: float,
        margin: float,
    ) -> NDArray[np.bool_]:
        """Say which of some pixels, by their places in the padded planes, pass the two tests against their pairs."""
        width, values, variances = value.shape[1], value.ravel(), variance.ravel()
        peak, noise = values[places], np.sqrt(variances[places])
        above, sharp = np.zeros(places.shape, dtype=bool), np.zeros(places.shape, dtype=bool)
        for rows, columns, distance in _PAIRS:
            step = rows * width + columns
            mean = (values[places - step] + values[places + step]) / 2
            mean_noise = np.sqrt(variances[places - step] + variances[places + step]) / 2
            point = math.exp(-0.5 * (distance / (self.fwhm * FWHM_TO_SIGMA)) ** 2)
            above |= peak - mean > sigma * noise
            sharp |= self.contrast * point * (peak - margin * noise) > mean + margin * mean_noise
        return above & sharp
