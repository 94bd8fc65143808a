"""What noise is expected of a frame less its calibration: closed forms. Must not know pixels or limits."""

import math
from typing import Literal

Statistic = Literal["mean", "median"]


def combined_variance(n_combined: int, statistic: Statistic = "mean") -> float:
    """Give the variance of a combination of equal normal samples, over that of one of them.

    Parameters
    ----------
    n_combined
        Samples.
    statistic
        "mean": 1 / N. "median": pi / 2 over N + 0.47 for an odd N and N + 1.33 for an even one, which holds within
        1.3 % from N = 3 on; the median of two is their mean.

    Raises
    ------
    ValueError
        There is no sample.
    """
    if n_combined < 1:
        raise ValueError(f"n_combined: {n_combined}, must be at least 1")
    if statistic == "mean" or n_combined < 3:
        return 1 / n_combined
    return math.pi / 2 / (n_combined + (0.47 if n_combined % 2 else 1.33))


def difference_variance(n_combined: int, in_reference: bool, statistic: Statistic = "mean") -> float:
    """Give the variance of a frame less a combination of equal frames, over that of the frame.

    ``1 + V`` for a frame held out, where V is the combination's. One that is among the combined has the covariance
    ``1 / N`` with it, be it a mean or a median: ``1 + V - 2 / N``, which is ``1 - 1 / N`` for a mean.

    Parameters
    ----------
    n_combined, statistic
        As for :func:`combined_variance`.
    in_reference
        Whether the frame is among the combined.

    Raises
    ------
    ValueError
        There is no frame, or only the frame itself: nothing is left to measure.
    """
    factor = 1 + combined_variance(n_combined, statistic) - (2 / n_combined if in_reference else 0)
    if not factor > 1e-9:
        raise ValueError(
            "n_combined: 1 and in_reference: the reference is the frame itself; nothing is left to measure"
        )
    return factor
