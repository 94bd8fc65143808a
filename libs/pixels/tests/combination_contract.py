"""The contract of every backend: stacks of every kind, and what each pixel of them is, by hand.

What differs between backends, and how they are driven, is in the tests.
"""

import math

import numpy as np
import pytest
from hypothesis import strategies as st

import oracle
from calibrant.pixels.plan import Combined

PLANES = ("data", "variance", "count", "mask")
KINDS = ("u2", "i2", "i4", "f4", "f8", "u1", "i1", "u4", "i8", "f2")
MAGNITUDES = {"f2": (-4, 5), "f4": (-30, 38.6), "f8": (-100, 300)}
EDGES = {"u": [0, 1], "i": [-1, 0], "f": [math.nan, math.inf, -math.inf, 0.0, -0.0]}


def assert_same(one, other):
    for plane in PLANES:
        np.testing.assert_array_equal(getattr(one, plane), getattr(other, plane), err_msg=plane)


def by_hand(stack, options, *, masks=None, variances=None, weights=None, scales=None):
    """Combine with the oracle."""
    wide = stack.dtype.itemsize > (4 if stack.dtype.kind == "f" else 2)
    values = stack.astype("f8" if wide else "f4")
    if scales is not None:
        with np.errstate(over="ignore"):
            values = values / np.asarray(scales, values.dtype)[:, None, None]
        variances = None if variances is None else variances.astype("f8") / (scales * scales)[:, None, None]
    found = Combined.unfilled(stack.shape[1:])
    for y, x in np.ndindex(*stack.shape[1:]):
        columns = [None if one is None else one[:, y, x].tolist() for one in (masks, variances)]
        pixel = oracle.combine_pixel(values[:, y, x].tolist(), options, *columns, weights)
        for plane in PLANES:
            with np.errstate(over="ignore"):  # a variance beyond float32 is infinite
                getattr(found, plane)[y, x] = getattr(pixel, plane)
    empty = found.count == 0
    found.data[empty] = np.median(found.data[~empty].astype("f8")) if not empty.all() else np.nan
    return found


@st.composite
def stacks(draw):
    """Noise with outliers, constant, all over the range, or of every magnitude; with every kind of special sample in it."""
    kind, n = (
        draw(st.sampled_from(KINDS)),
        draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 20, 33, 41])),
    )
    shape = (n, draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 7, 67, 130])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    look, dtype = draw(st.sampled_from(["noise", "constant", "wild", "vast"])), np.dtype(kind)
    limits = np.iinfo(dtype) if dtype.kind != "f" else np.finfo("f2")
    if look == "constant":
        stack = np.full(shape, 37, dtype)
    elif look == "vast" and dtype.kind == "f":
        magnitudes = MAGNITUDES[kind]
        stack = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(
            *np.sort(rng.uniform(*magnitudes, 2)), shape
        )
        with np.errstate(over="ignore"):
            stack = stack.astype(dtype)
    elif look in ("wild", "vast"):
        stack = rng.uniform(float(limits.min), float(limits.max), shape).astype(dtype)
    else:
        stack = rng.normal(60, 3, shape)
        stack[rng.random(shape) < 0.1] += 40
        stack = stack.astype(dtype)
    special = rng.random(shape) < draw(st.sampled_from([0, 0.05, 0.9]))
    stack[special] = rng.choice(np.array([*EDGES[dtype.kind], limits.max, limits.min], dtype), special.sum())
    return stack.astype(dtype.newbyteorder(draw(st.sampled_from("<>"))))


@st.composite
def beside(draw, shape):
    """Masks, variances, weights and scales for a stack, or None."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = (rng.random(shape) < draw(st.sampled_from([0.02, 0.3, 1.0]))) * rng.choice([1, 2, 16, 64], shape)
    variances = rng.uniform(1, 9, shape).astype(draw(st.sampled_from(["f4", "f8", ">f4"])))
    return {
        "masks": draw(st.sampled_from([None, masks.astype(draw(st.sampled_from(["u4", ">u4", "u1"])))])),
        "variances": draw(st.sampled_from([None, variances])),
        "weights": rng.uniform(0.5, 2, shape[0]),
        "scales": draw(st.sampled_from([None, rng.uniform(0.5, 2, shape[0])])),
    }


OPTIONS = st.builds(
    oracle.Options,
    statistic=st.sampled_from(["clipped-mean"] * 4 + ["mean", "median", "minmax-mean", "weighted-mean"]),
    center=st.sampled_from(["median", "mean"]),
    spread=st.sampled_from(["std", "mad"]),
    sigma_low=st.sampled_from([0.3, 1.0, 1.7, 3.0]),
    sigma_high=st.sampled_from([0.3, 1.0, 2.1, 3.0]),
    iterations=st.sampled_from([1, 2, 3, None]),
    clip=st.sampled_from(["astropy", "cumulative"]),
    reject_low=st.integers(0, 3),
    reject_high=st.integers(0, 3),
)


@st.composite
def combinations(draw):
    """A stack and how it is combined: the arguments of `combine`, and what they are of the oracle's."""
    stack, options = draw(stacks()), draw(OPTIONS)
    planes = draw(beside(stack.shape))
    if options.statistic != "weighted-mean":
        planes["weights"] = None
    if options.reject_low + options.reject_high >= len(stack):
        options = oracle.Options(**{**vars(options), "reject_low": 0, "reject_high": 0})
    return stack, options, planes


def assert_does_as_by_hand(combine, stack, options, planes):
    """Combine as the oracle does; where no pixel has a good sample, say so."""
    wanted = by_hand(stack, options, **planes)
    asked = {**vars(options), **planes}
    if not wanted.count.any():
        with pytest.raises(ValueError, match="has a good sample"):
            combine(stack, **asked)
        return
    assert_same(combine(stack, **asked), wanted)
