"""Which samples of a pixel are kept: the rule of iterative sigma clipping, in its two definitions.

It owns what the rule says; it must not know how a backend follows it, nor what is made of the samples kept.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from calibrant.pixels.numerals import whole_number

Center = Literal["median", "mean"]
Spread = Literal["std", "mad"]
Clip = Literal["astropy", "cumulative"]

MAD_TO_SIGMA: Final = 1.482602218505602
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class ClipRule:
    """How samples are rejected.

    In each iteration centre and spread (population standard deviation, or 1.4826 median absolute deviations from the
    median) of the samples still kept give bounds, and samples outside them are rejected; it ends when none is, when
    none would be left, or after `iterations`.

    Parameters
    ----------
    center, spread
        Estimators.
    sigma_low, sigma_high
        Bounds in spreads below and above the centre, finite and above zero.
    iterations
        At most; None: to convergence.
    clip
        "astropy": the bounds of the last iteration decide on *all* samples, as in ``astropy.stats.sigma_clip`` along
        an axis, so a sample rejected early comes back where the bounds have moved over it. "cumulative": what is
        rejected stays rejected.

    Raises
    ------
    ValueError
        When a value is unknown or makes no sense.
    """

    center: Center = "median"
    spread: Spread = "std"
    sigma_low: float = 3.0
    sigma_high: float = 3.0
    iterations: int | None = 3
    clip: Clip = "astropy"

    def __post_init__(self) -> None:
        for name, value, allowed in [
            ("center", self.center, ("median", "mean")),
            ("spread", self.spread, ("std", "mad")),
            ("clip", self.clip, ("astropy", "cumulative")),
        ]:
            if value not in allowed:
                raise ValueError(f"{name}: {value!r}, must be one of {', '.join(allowed)}")
        for name, sigma in [("sigma_low", self.sigma_low), ("sigma_high", self.sigma_high)]:
            if not (math.isfinite(sigma) and sigma > 0):
                raise ValueError(f"{name}: {sigma}, must be a positive number of standard deviations")
        if self.iterations is not None:
            whole_number("iterations", self.iterations, least=1)
