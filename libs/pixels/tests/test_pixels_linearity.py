"""Linearity: signals bent by a known law come out straight; splines by what defines them."""

import numpy as np
import pytest

from calibrant.pixels import DoubleSpline, Lookup, Polynomial, Spline
from calibrant.pixels.splines import evaluate, natural_cubic


@pytest.mark.parametrize("count", [2, 3, 9])
def test_a_natural_spline_has_all_that_makes_it_one(count):
    """Through its values, smooth up to the second derivative, and straight at its ends: there is only one such."""
    rng = np.random.default_rng(count)
    knots, values = np.sort(rng.uniform(-5, 50, count)), rng.normal(0, 9, count)
    c0, c1, c2, c3 = natural_cubic(knots, values).T
    width = np.diff(knots)
    ends = c0 + width * (c1 + width * (c2 + width * c3))
    np.testing.assert_allclose(np.append(c0, ends[-1]), values, atol=1e-9)
    np.testing.assert_allclose(ends, values[1:], atol=1e-9)
    np.testing.assert_allclose((c1 + width * (2 * c2 + 3 * width * c3))[:-1], c1[1:], atol=1e-9)
    np.testing.assert_allclose((2 * c2 + 6 * width * c3)[:-1], 2 * c2[1:], atol=1e-9)
    np.testing.assert_allclose([c2[0], 2 * c2[-1] + 6 * width[-1] * c3[-1]], 0, atol=1e-9)
    x = np.linspace(knots[0], knots[-1], 50)
    piece = [max(k for k in range(count - 1) if knots[k] <= one) for one in x]
    t = x - knots[piece]
    expected = c0[piece] + c1[piece] * t + c2[piece] * t**2 + c3[piece] * t**3
    np.testing.assert_allclose(evaluate(knots, natural_cubic(knots, values), x), expected, atol=1e-9)


def test_a_bent_signal_comes_out_straight():
    true = np.linspace(0, 50_000, 2001)
    measured = true - 1e-6 * true**2
    np.testing.assert_allclose(Polynomial((1e-6, 2e-12, 5e-18)).apply(measured)[0], true, rtol=1e-4)
    knots = np.linspace(0, measured[-1], 12)
    too_much = tuple(float(one - np.interp(one, measured, true)) for one in knots)
    straight, outside = Spline(tuple(knots.tolist()), too_much).apply(measured.astype(np.float32))
    np.testing.assert_allclose(straight, true, atol=5)
    assert not outside.any()
    table = np.interp(np.arange(50_000), measured, true) - np.arange(50_000)
    straight, outside = Lookup(table.astype(np.float32)).apply(measured)
    np.testing.assert_allclose(straight, true, atol=0.3)


def test_beyond_the_range_the_end_holds_and_is_told():
    signal = np.array([-5, 0, 5, 10, 12, np.nan, np.inf], dtype=np.float32)
    spline = Spline((0.0, 10.0), (1.0, 2.0))
    straight, outside = spline.apply(signal)
    np.testing.assert_array_equal(straight, np.float32([-6, -1, 3.5, 8, 10, np.nan, np.inf]))
    np.testing.assert_array_equal(outside, [1, 0, 0, 0, 1, 0, 1])
    straight, outside = Lookup(np.arange(11, dtype=np.float32), first=0).apply(signal)
    np.testing.assert_array_equal(straight, np.float32([-5, 0, 10, 20, 22, np.nan, np.inf]))
    np.testing.assert_array_equal(outside, [1, 0, 0, 0, 1, 0, 1])


def test_double_spline_is_one_after_the_other():
    first, second = Spline((0.0, 1000.0), (0.0, -100.0)), Spline((0.0, 1050.0), (0.0, 50.0))
    straight, outside = DoubleSpline(first, second).apply(np.float64([500, 1000, 1001, -1]))
    np.testing.assert_allclose(straight, [550 - 550 / 21, 1050, 1051, -1], rtol=1e-12)
    np.testing.assert_array_equal(
        outside, [False, True, True, True]
    )  # 1000 becomes 1100, which is beyond the second


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Polynomial(()), "linearity polynomial: 0 values"),
        (lambda: Polynomial((np.nan,)), "linearity polynomial: 1 values"),
        (lambda: Spline((0.0, 1.0), (0.0,)), "linearity spline: 1 values"),
        (
            lambda: Lookup(np.broadcast_to(np.float32(0), 2**24 + 1)),
            "16777217 entries, must be at most 16777216",
        ),
        (lambda: Spline((0.0, 1.0, 1.0), (0.0, 1.0, 1.0)), "knots that ascend"),
        (lambda: Lookup(np.zeros((2, 2), np.float32)), "linearity table: shape"),
        (lambda: Lookup(np.float32([np.nan])), "linearity table: shape"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
