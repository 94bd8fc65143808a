"""Tails in the overscan that are no charge: the decay of the electronic offset, with or without a bounce.

It owns which overscan pixels say it, and where the search begins; it must not know how a decay is fitted.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.decays import Decay, Unfitted, fit_decay

Values = NDArray[np.float64]

LENGTHS: Final = tuple(np.geomspace(0.5, 30, 40))
"""Pixels."""

WAVES: Final = tuple(np.linspace(0.1, 2.8, 28))
"""Radians a pixel."""

REASONS: Final = {
    Unfitted.TOO_FEW: Reason.TOO_FEW_PIXELS,
    Unfitted.INSIGNIFICANT: Reason.NO_TAIL,
    Unfitted.NOT_CONVERGED: Reason.NOT_CONVERGED,
}


def fit_tail(
    profiles: Values,
    errors: Values,
    signals: Values,
    *,
    columns: tuple[int, int] = (3, 13),
    bounce: bool = False,
) -> Decay | Reason:
    """Fit the electronic offset, proportional to the signal, to the overscans of several levels.

    Parameters
    ----------
    profiles, errors
        (levels, overscan pixels), as :func:`overscan_profile` has them.
    signals
        (levels,): of the last imaging pixel, in the unit of the profiles.
    columns
        First and last overscan pixel that are used, counted from 1: behind the charge that trails. The default is
        cp_pipe's for the local electronic offset.
    bounce
        Fit an oscillation (of a reference voltage that the change of the signal disturbs), not only a decay.

    Returns
    -------
    Decay or Reason
        x is the number of the overscan pixel, from 1; the reason where pixels are missing, no tail is significant, or
        the fit does not converge.

    Raises
    ------
    ValueError
        When the columns are not ones of an overscan.

    Notes
    -----
    Snyder and Roodman 2019 (JATIS 5, 041509) for the decay; ArCTIc's "pixel bounce" for the oscillation.
    """
    first, last = columns
    if not 1 <= first < last:
        raise ValueError(f"tail columns: {columns}, give the first and the last overscan pixel, from 1 on")
    if profiles.shape[1] < last:
        return Reason.TOO_FEW_PIXELS
    window, places = slice(first - 1, last), np.arange(first, last + 1, dtype=np.float64)
    waves = WAVES if bounce else ()
    found = fit_decay(profiles[:, window], errors[:, window], signals, places, lengths=LENGTHS, waves=waves)
    return found if isinstance(found, Decay) else REASONS[found]
