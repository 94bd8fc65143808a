"""The photon transfer curve of an amplifier: what all its pairs say, put side by side.

It must not know models or fits.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.photon_transfer.pairs import PairStatistics
from calibrant.pixels.photon_transfer.reasons import Reason

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of the photon transfer curve of one amplifier, in the order in which they were given.

    Parameters
    ----------
    means
        (P,), in ADU.
    variances
        (P,), of one frame, in ADU squared.
    n_pixels
        (P,), pixels that each was measured on.
    covariances
        (P, L, L) in ADU squared, as :class:`PairStatistics` has them, or None.
    n_pairs
        (P, L, L), pairs of pixels, or None.
    pairs
        (P,), which pair each point is from.
    failed
        Why a pair gave no point, by its number.
    """

    means: Numbers
    variances: Numbers
    n_pixels: Numbers
    covariances: Numbers | None = None
    n_pairs: Numbers | None = None
    pairs: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    failed: Mapping[int, Reason] = field(default_factory=dict)

    @property
    def reason(self) -> Reason | None:
        """Why there is no point, the commonest reason; None where there is one."""
        if len(self.means):
            return None
        return Counter(self.failed.values()).most_common(1)[0][0] if self.failed else Reason.NO_PAIRS


def curves(pairs: Sequence[Mapping[str, PairStatistics]]) -> dict[str, Curve]:
    """Put the pairs of each amplifier side by side.

    Parameters
    ----------
    pairs
        What :func:`pair_statistics` found, one for each pair.

    Returns
    -------
    dict
        By amplifier, in the order in which they first appear; pairs without a number are named.
    """
    names = dict.fromkeys(name for pair in pairs for name in pair)
    return {
        name: _curve({number: pair[name] for number, pair in enumerate(pairs) if name in pair})
        for name in names
    }


def _curve(found: Mapping[int, PairStatistics]) -> Curve:
    good = {number: one for number, one in found.items() if one.reason is None}
    points = list(good.values())
    covariances = [one.covariances for one in points if one.covariances is not None]
    n_pairs = [one.n_pairs for one in points if one.n_pairs is not None]
    whole = bool(points) and len(covariances) == len(points)
    return Curve(
        means=np.array([one.mean for one in points]),
        variances=np.array([one.variance for one in points]),
        n_pixels=np.array([one.n_pixels for one in points], dtype=np.float64),
        covariances=np.array(covariances) if whole else None,
        n_pairs=np.array(n_pairs) if whole else None,
        pairs=np.array(list(good), dtype=np.intp),
        failed={number: one.reason for number, one in found.items() if one.reason is not None},
    )
