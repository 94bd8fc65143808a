"""What transfers leave in the overscan of evenly lit frames, by the forward model that a correction inverts.

It owns the prediction; it must not know how transfers were found.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.deferring import Transfers, defer
from calibrant.pixels.charge_transfer.trailing_settings import Trailing

Values = NDArray[np.float64]


def predicted_charge(
    transfers: Transfers,
    signals: NDArray[Any],
    *,
    imaging: int,
    overscan: int,
    settings: Trailing | None = None,
) -> Values:
    """Give the charge that would be measured behind evenly lit lines.

    Parameters
    ----------
    transfers
        Of the amplifier.
    signals
        (levels,), not negative.
    imaging, overscan
        Pixels of a line, and those read after it.
    settings
        See :class:`Trailing`.

    Returns
    -------
    ndarray
        (levels,): as `TrailingCharge.charge`, in the unit of the signals.
    """
    weights = (settings or Trailing()).weights(overscan)
    lines = np.zeros((imaging + overscan, len(signals)))
    lines[:imaging] = signals
    late = defer(lines, replace(transfers, places=transfers.before + imaging))[imaging:]
    found: Values = weights @ late
    return found
