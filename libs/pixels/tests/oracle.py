"""What a combination is, sample by sample in plain Python: slow, and meant to be read.

It must not share code with what it checks. Values are Python floats (float64), one IEEE operation after another.
"""

import math
from dataclasses import dataclass

BAD, NO_DATA = 1, 8
FLOAT32_MAX = 2.0**128 - 2.0**104


@dataclass(frozen=True)
class Options:
    statistic: str = "clipped-mean"
    center: str = "median"
    spread: str = "std"
    sigma_low: float = 3.0
    sigma_high: float = 3.0
    iterations: int | None = 3
    clip: str = "astropy"
    reject_low: int = 1
    reject_high: int = 1
    ignore: int = 15


@dataclass(frozen=True)
class Pixel:
    data: float
    variance: float
    count: int
    mask: int


def combine_pixel(values, options, masks=None, variances=None, weights=None):
    """Combine the samples of one pixel; lists in the order of the frames."""
    masks = masks or [0] * len(values)
    frames = range(len(values))
    good = [k for k in frames if abs(values[k]) <= FLOAT32_MAX and not masks[k] & options.ignore]
    column = kept([values[k] for k in good], len(values), options)
    used = [k for k in good if values[k] in column]  # of equal samples all, though fewer may count
    bits = 0
    for k in used or frames:
        bits |= masks[k]
    if not used:
        return Pixel(math.nan, math.nan, 0, bits | BAD | NO_DATA)
    n = len(column)
    if options.statistic == "weighted-mean":
        data, variance = weighted(used, values, weights)
    else:
        mean, squares = moments(column)
        data = median(column) if options.statistic == "median" else mean
        variance = squares / ((n - 1.0) * n) * factor(options, n) if n > 1 else math.nan
    if variances and (len(values) < 5 or n == 1):
        variance = propagated(used, variances, weights, options)
    return Pixel(data, variance, n, bits)


def kept(good, frames, options):
    """Give the values, out of a pixel's good ones, that are combined."""
    column = sorted(good)
    if options.statistic == "minmax-mean":
        low = options.reject_low * len(column) // frames
        high = options.reject_high * len(column) // frames
        return column[low : len(column) - high]
    return clipped(column, options) if options.statistic == "clipped-mean" else column


def clipped(column, options):
    alive, bounds = column, (-math.inf, math.inf)
    iteration = 0
    while alive and iteration != options.iterations:
        iteration += 1
        bounds = limits(alive, options)
        left = [x for x in alive if bounds[0] <= x <= bounds[1]]
        if len(left) == len(alive):
            break
        alive = left
    if options.clip == "cumulative" or len(alive) == len(column):
        return alive
    return [x for x in column if bounds[0] <= x <= bounds[1]]


def limits(column, options):
    mean, squares = moments(column)
    center = mean if options.center == "mean" else median(column)
    if options.spread == "std":
        reach = math.sqrt(squares / len(column))
    else:
        middle = median(column)
        reach = 1.482602218505602 * median(sorted(abs(x - middle) for x in column))
    return center - options.sigma_low * reach, center + options.sigma_high * reach


def moments(column):
    """Mean and sum of squared deviations of a sorted column, from sums about its upper median."""
    pivot = column[len(column) // 2]
    total = squares = 0.0
    for x in column:
        total += x - pivot
        squares += (x - pivot) * (x - pivot)
    shift = total / len(column)
    return pivot + shift, squares - total * shift


def median(column):
    return 0.5 * (column[(len(column) - 1) // 2] + column[len(column) // 2])


def factor(options, n):
    return math.pi / 2 if options.statistic == "median" and n > 2 else 1.0


def add(terms):
    total = 0.0
    for term in sorted(terms):
        total += term
    return total


def weighted(used, values, weights):
    total = add(weights[k] for k in used)
    mean = add(weights[k] * values[k] for k in used) / total
    deviations = [weights[k] * (values[k] - mean) for k in used]
    squares = add(d * d for d in deviations)
    n = len(used)
    return mean, squares / (total * total) * (n / (n - 1.0)) if n > 1 else math.nan


def propagated(used, variances, weights, options):
    if options.statistic != "weighted-mean":
        return add(variances[k] for k in used) / float(len(used) ** 2) * factor(options, len(used))
    total = add(weights[k] for k in used)
    return add(weights[k] * weights[k] * variances[k] for k in used) / (total * total)
