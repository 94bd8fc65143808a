"""What the kernel is told of a combination: what is done to a part of the planes, and what samples are sorted as.

It must not know where the kernel runs.
"""

from typing import Final

import numpy as np

from calibrant.pixels.backends.library import STATISTICS, Block
from calibrant.pixels.plan import EMPTY, Combined, Plan
from calibrant.pixels.rows import value_type

SHORT: Final = 16
"""Bits of the samples that are sorted as unsigned integers."""


def sorted_as(plan: Plan) -> tuple[int, float]:
    """Give the bits of the type that a stack's samples are sorted in, and what those lack to be values."""
    values = value_type(plan.stack[0])
    if values.kind in "iu" and values.itemsize <= 2 and plan.scales is None:
        return SHORT, float(min(np.iinfo(values).min, 0))
    return 8 * plan.dtype.itemsize, 0.0


def block_of(
    plan: Plan,
    into: Combined,
    rows: slice,
    *,
    columns: slice = slice(None),
    base: float = 0.0,
    propagate: bool,
) -> Block:
    """Give what is done to a part of the planes."""
    rule = plan.rule
    part = into.data[rows, columns]
    return Block(
        frames=len(plan.stack),
        rows=part.shape[0],
        columns=part.shape[1],
        data=part.ctypes.data,
        variance=into.variance[rows, columns].ctypes.data,
        count=into.count[rows, columns].ctypes.data,
        mask=into.mask[rows, columns].ctypes.data,
        step=plan.shape[1],
        base=base,
        sigma_low=rule.sigma_low,
        sigma_high=rule.sigma_high,
        iterations=-1 if rule.iterations is None else rule.iterations,
        reject_low=plan.reject_low,
        reject_high=plan.reject_high,
        statistic=STATISTICS.index(plan.statistic),
        mean_center=rule.center == "mean",
        mad_spread=rule.spread == "mad",
        cumulative=rule.clip == "cumulative",
        scaled=plan.scales is not None,
        propagate=propagate,
        ignore=int(plan.ignore),
        empty=int(EMPTY),
    )
