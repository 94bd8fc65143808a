"""Split samples of darks: the even ones combined against the odd ones. Must not know files, limits or verdicts.

Without what barriers take out of a frame: it is as much in one half as in the other, and all darks would have to be held whole.

============== ====================================================================================
SPLIT_MEAN     mean (clipped) of the even ones' mean less the odd ones', at their mean dark time
SPLIT_NOISE    clipped standard deviation of that difference
SPLIT_EXPECTED what it must be: the read noise, and that of the nominal dark current, of all of them
N_SPLIT        frames that went in
============== ====================================================================================
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibrant.pixels import (
    UNUSABLE,
    Amplifier,
    Combined,
    Geometry,
    RowSource,
    Signature,
    Terms,
    combine_raw,
)
from calibrant.pixels.statistics import describe
from calibrant.verify.measuring.membership import Membership

SPLIT: Final = ("SPLIT_MEAN", "SPLIT_NOISE", "SPLIT_EXPECTED")

FEWEST: Final = 4
"""Darks that make two samples of two."""

Values = dict[str, float]


@dataclass(frozen=True, eq=False, slots=True)
class Dark:
    """A dark frame; ``dark_time_s`` is None where all share one, which the product is for."""

    rows: RowSource
    dark_time_s: float | None


def split_values(
    darks: Sequence[Dark], geometry: Geometry, signature: Signature, dark_current_e_per_s: float
) -> dict[str, Values]:
    """Compare the means of the even and the odd darks.

    Parameters
    ----------
    darks : sequence of Dark
        The earliest first, at least `FEWEST`. Where they have dark times they are scaled to the mean of them.
    geometry : Geometry
        The detector.
    signature : Signature
        What is removed from each before its dark, in electrons.
    dark_current_e_per_s : float
        Nominal.

    Returns
    -------
    dict
        By the amplifier's name.

    Raises
    ------
    ValueError
        The frames cannot be corrected.
    """
    removed = replace(signature, dark=None, flat=None, barriers={})
    times = [dark.dark_time_s or 1.0 for dark in darks]
    centre_s = math.fsum(times) / len(times)
    scales = [time_s / centre_s for time_s in times]
    even, odd = (
        combine_raw(
            [dark.rows for dark in darks[first::2]],
            geometry,
            removed,
            [Terms(scale=scale) for scale in scales[first::2]],
            statistic="mean",
        ).combined
        for first in (0, 1)
    )
    known = [dark.dark_time_s or 0.0 for dark in darks]
    return {
        one.name: _values(one, even, odd)
        | {
            "SPLIT_EXPECTED": _expected(
                one, signature, [dark_current_e_per_s * time_s for time_s in known], scales
            ),
            "N_SPLIT": float(len(darks)),
        }
        for one in geometry.amplifiers
    }


def _values(amplifier: Amplifier, even: Combined, odd: Combined) -> Values:
    part = amplifier.placed.slices
    usable = ((even.mask[part] | odd.mask[part]) & np.uint32(UNUSABLE)) == 0
    difference = np.where(usable, even.data[part] - odd.data[part], np.nan)
    found = describe(difference, amplifier.placed.area)
    return {"SPLIT_MEAN": found.clipped_mean, "SPLIT_NOISE": found.noise}


def _expected(
    amplifier: Amplifier, signature: Signature, dark_e: Sequence[float], scales: Sequence[float]
) -> float:
    """Give the noise of the difference of two means of frames that were divided by their scales."""
    alone = Membership(combined=0.0, share=0.0)
    noises = [
        alone.expected_noise_e(amplifier, signature.overscan.method, charge) / scale
        for charge, scale in zip(dark_e, scales, strict=True)
    ]
    return math.sqrt(
        math.fsum(
            math.fsum(noise**2 for noise in half) / len(half) ** 2 for half in (noises[::2], noises[1::2])
        )
    )
