"""Correlations of the noise of amplifiers that are read at the same time.

It owns the matrix and its errors; it must not know frames: it is given the pixels of each amplifier in the order of
readout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.geometry import Amplifier
from calibrant.pixels.statistics import clipped_statistics

Values = NDArray[np.float64]

FEWEST_PIXELS: Final = 100


@dataclass(frozen=True, eq=False)
class Correlations:
    """Pearson's correlations of all pairs.

    Parameters
    ----------
    names
        Of the amplifiers with noise, in the order of the matrix.
    matrix, errors
        (n, n): 1 and 0 on the diagonal; NaN where two have fewer than 100 pixels in common.
    reasons
        Of the amplifiers that are left out.
    """

    names: tuple[str, ...]
    matrix: Values
    errors: Values
    reasons: Mapping[str, Reason]


def in_readout_order(
    raw: NDArray[Any], amplifier: Amplifier, *, overscan: bool = True
) -> NDArray[Any] | None:
    """Cut an amplifier's serial overscan or image out of a raw frame; None: it has no overscan.

    Parameters
    ----------
    raw
        The raw frame. For images subtract another one first, so that only noise is left.
    amplifier
        The amplifier, which says what is stored against the order of reading.
    overscan
        Its overscan, or its image.
    """
    return amplifier.read_overscan(raw) if overscan else amplifier.read_image(raw)


def amplifier_correlations(
    pixels: Mapping[str, NDArray[Any] | None], *, sigma: float = 5.0, groups: int = 20
) -> Correlations:
    """Correlate amplifiers.

    Parameters
    ----------
    pixels
        (rows, columns) of each amplifier in the order of readout, so that equal places were read at the same time; what
        is not finite is left out. Where shapes differ the first rows and columns that all have are used. None: it has no
        such pixels.
    sigma
        Pixels further from an amplifier's mean than so many standard deviations are left out (cosmic rays, defects).
    groups
        Groups of rows, left out one after the other, that give the errors (jackknife): noise that goes on from pixel to
        pixel enlarges them as it has to.

    Returns
    -------
    Correlations
        Amplifiers that are constant, or have too few pixels, are left out with a reason.

    Raises
    ------
    ValueError
        When `groups` is below two.
    """
    if groups < 2:
        raise ValueError(f"correlations: groups is {groups}, must be at least 2")
    prepared = {name: _prepared(one, sigma) for name, one in pixels.items()}
    reasons = {name: one for name, one in prepared.items() if isinstance(one, Reason)}
    good = {name: one for name, one in prepared.items() if not isinstance(one, Reason)}
    if not good:
        return Correlations((), np.zeros((0, 0)), np.zeros((0, 0)), reasons)
    rows = min(len(one) for one in good.values())
    columns = min(one.shape[1] for one in good.values())
    stack = np.stack([one[:rows, :columns] for one in good.values()])
    sums = np.array([_sums(part) for part in np.array_split(stack, min(groups, rows), axis=1)])
    whole = _pearson(sums.sum(axis=0))
    whole[sums[:, 0].sum(axis=0) < FEWEST_PIXELS] = np.nan
    without = np.array([_pearson(sums.sum(axis=0) - one) for one in sums])
    share = (len(sums) - 1) / len(sums)
    errors = np.sqrt(share * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    errors[np.isnan(whole)] = np.nan
    np.fill_diagonal(whole, 1)
    np.fill_diagonal(errors, 0)
    return Correlations(tuple(good), whole, errors, reasons)


def _prepared(pixels: NDArray[Any] | None, sigma: float) -> Values | Reason:
    """Give the pixels about their mean, NaN where one is not used."""
    if pixels is None:
        return Reason.NO_OVERSCAN
    kept = clipped_statistics(pixels, sigma)
    if kept.count < FEWEST_PIXELS:
        return Reason.TOO_FEW_PIXELS
    if not kept.std > 0:
        return Reason.CONSTANT
    about = pixels.astype(np.float64) - kept.mean
    return np.where(np.abs(about) <= sigma * kept.std, about, np.nan)


def _sums(part: Values) -> Values:
    """Give, for each pair and over the pixels that both have: count, sums of one and the other, squares, product."""
    flat = part.reshape(len(part), -1)
    known = np.isfinite(flat)
    have, values = known.astype(np.float64), np.where(known, flat, 0)
    squares = values**2
    return np.array(
        [
            have @ have.T,
            values @ have.T,
            have @ values.T,
            squares @ have.T,
            have @ squares.T,
            values @ values.T,
        ]
    )


def _pearson(sums: Values) -> Values:
    count, one, other, one_squared, other_squared, product = sums
    n = np.maximum(count, 1)
    spread = (one_squared - one**2 / n) * (other_squared - other**2 / n)
    matrix: Values = (product - one * other / n) / np.sqrt(np.maximum(spread, np.finfo(np.float64).tiny))
    return matrix
