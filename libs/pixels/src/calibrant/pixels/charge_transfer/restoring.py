"""The image that transfers would turn into the one that was read: deferred charge goes back to its pixel.

It owns the inversion of the forward model, by iteration, and how well it ended; it must not know amplifiers, masks
or the steps of a signature.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.deferring import Transfers, defer
from calibrant.pixels.charge_transfer.electronics import ElectronicOffset
from calibrant.pixels.charge_transfer.traps import Charge


@dataclass(frozen=True, eq=False)
class Restored:
    """An image without deferred charge.

    Parameters
    ----------
    data
        float64, in the unit of the image; what was not finite is as it was.
    residual
        What was read less what the forward model makes of `data`, of each pixel; 0 where it is not finite.
    steps
        Largest absolute residual before each iteration, and after the last one.
    """

    data: Charge
    residual: Charge
    steps: tuple[float, ...]

    def converged(self, tolerance: float) -> bool:
        """Say whether every pixel is within a tolerance, in the unit of the image."""
        return self.steps[-1] <= tolerance


def transfer(
    charge: NDArray[Any],
    parallel: Transfers | None,
    serial: Transfers | None,
    offset: ElectronicOffset | None = None,
) -> Charge:
    """Let an image be read out: charge goes down the columns, then along the rows, and meets the electronics.

    Parameters
    ----------
    charge
        (rows, columns) of one amplifier in the order of readout, finite.
    parallel, serial, offset
        What goes wrong; None: nothing.
    """
    image = np.asarray(charge, dtype=np.float64)
    if parallel is not None:
        image = defer(image, parallel)
    if serial is not None:
        image = defer(image.T, serial).T
    return image if offset is None else image + offset.behind(image.T).T


def restore(
    image: NDArray[Any],
    parallel: Transfers | None = None,
    serial: Transfers | None = None,
    offset: ElectronicOffset | None = None,
    *,
    iterations: int = 5,
    tolerance: float = 0.01,
) -> Restored:
    """Put deferred charge back: add what the forward model lacks of the image, again and again.

    Parameters
    ----------
    image
        (rows, columns) of one amplifier in the order of readout, without pedestal. A pixel that is not finite is
        taken for the one that was read before it in its column (without parallel transfers: in its row).
    parallel, serial, offset
        The transfers, and the offset of the output amplifier; None: perfect ones.
    iterations
        At most so many.
    tolerance
        Largest absolute residual at which it is enough, in the unit of the image.

    Raises
    ------
    ValueError
        When `iterations` is below 1 or `tolerance` is not a number from 0 up.

    Notes
    -----
    Massey et al. 2010, section 3.3: x' = x + y - F(x). Each iteration makes the residual smaller by about the share of
    the charge that is deferred.
    """
    if iterations < 1 or not 0 <= tolerance < math.inf:
        raise ValueError(
            f"restore: iterations {iterations} must be at least 1, and tolerance {tolerance} not negative"
        )
    finite = np.isfinite(image)
    read = _filled(image.T, finite.T).T if parallel is None else _filled(image, finite)
    guess, residual, steps = read.copy(), np.zeros_like(read), []
    open_rows = np.arange(
        len(read)
    )  # without parallel transfers each row is a problem of its own, and ends by itself
    for done in range(iterations + 1):
        left = read[open_rows] - transfer(guess[open_rows], parallel, serial, offset)
        residual[open_rows] = left
        steps.append(float(np.abs(left).max(initial=0)))
        if parallel is None:
            missed = np.abs(left).max(axis=1, initial=0) > tolerance
            open_rows, left = open_rows[missed], left[missed]
        if steps[-1] <= tolerance or done == iterations:
            break
        guess[open_rows] += left
    return Restored(np.where(finite, guess, image), np.where(finite, residual, 0), tuple(steps))


def _filled(image: NDArray[Any], finite: NDArray[np.bool_]) -> Charge:
    """Give a pixel without a value that of the last one before it, down the columns, that has one, or 0."""
    if finite.all():
        return np.array(image, dtype=np.float64)
    latest = np.maximum.accumulate(np.where(finite, np.arange(len(image))[:, None], 0), axis=0)
    filled = np.take_along_axis(np.where(finite, image, 0), latest, axis=0)
    return filled.astype(np.float64)
