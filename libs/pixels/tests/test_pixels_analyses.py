"""Analyses: what was put into simulated frames comes back, with errors that are right, whatever is wrong elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Box, Geometry, Image, Mask
from calibrant.pixels.analyses import (
    Reason,
    amplifier_correlations,
    amplifier_shifts,
    bias_shifts,
    bias_stability,
    dark_ramp,
    divisadero,
    in_readout_order,
    robust_line,
)

NY, NX = 40, 60
SHAPE = (NY, 2 * NX)


def amplifier(name, x, *, overscan=None, flip_y=False):
    box = Box(0, NY, x, x + NX)
    return Amplifier(name, box, box, False, flip_y, overscan, None, 1.0, 3.0, None)


GEOMETRY = Geometry(SHAPE, SHAPE, (amplifier("A", 0), amplifier("B", NX, flip_y=True)))


def image(data, mask=None):
    mask = np.zeros(SHAPE, np.uint32) if mask is None else mask
    return Image(data.astype(np.float32), np.ones(SHAPE, np.float32), mask)


def test_a_quarter_of_wrong_values_does_not_bend_a_line_and_its_errors_are_right():
    rng, x, errors = np.random.default_rng(1), np.arange(20.0), np.full(20, 0.5)
    errors[::2] = 2
    pulls = []
    for _ in range(60):
        y = 3 + 0.7 * x + rng.normal(0, errors)
        y[[3, 8, 9, 15]] += 300
        y[5] = np.nan
        found = robust_line(x, y, errors)
        assert (found.n_rejected, found.free) == (4, 13)
        pulls.append([(found.slope - 0.7) / found.slope_error, (found.offset - 3) / found.offset_error])
    assert (np.abs(np.mean(pulls, axis=0)) < 0.5).all()
    assert ((np.std(pulls, axis=0) > 0.7) & (np.std(pulls, axis=0) < 1.2)).all()


def test_errors_that_are_too_small_are_widened_to_the_scatter():
    rng, x = np.random.default_rng(2), np.arange(200.0)
    y = rng.normal(0, 5, 200)
    small, right = (robust_line(x, y, np.full(200, error)) for error in (0.1, 5.0))
    assert small.slope_error == pytest.approx(right.slope_error, rel=0.15)
    assert small.slope == pytest.approx(right.slope)


def test_a_line_through_very_many_values_needs_no_pair_of_each():
    x = np.tile([0.0, 100.0], 20_000)
    y = 3 + 0.7 * x + np.random.default_rng(20).normal(0, 1, x.size)
    y[:9000:2] += 300
    found = robust_line(x, y, np.ones(x.size))
    assert found.n_rejected == 4500
    assert found.slope == pytest.approx(0.7, abs=4 * found.slope_error)


def test_dark_currents_come_back_from_a_ramp_of_times():
    """Amplifier B is six times as dark; hot pixels are 2 % of A; rays and one bad frame change nothing."""
    rng, times = np.random.default_rng(3), [0.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0]
    rate = np.full(SHAPE, 0.03)
    rate[:, NX:] = 0.005
    hot = rng.random(SHAPE) < 0.02
    hot[:, NX:] = False
    rate[hot] = 2.0
    frames = []
    for number, time in enumerate(times):
        data = 12 + rng.poisson(rate * time) + rng.normal(0, 3, SHAPE)
        data[rng.random(SHAPE) < 0.002] += 2000
        mask = np.zeros(SHAPE, np.uint32)
        mask[4, 4] = Mask.BAD
        data[4, 4] = 1e6
        frames.append((time, image(data + (400 if number == 5 else 0), mask)))
    found = dark_ramp(frames, GEOMETRY)
    for name, truth in (("A", 0.03), ("B", 0.005)):
        line = found.amplifiers[name].line
        assert line.slope == pytest.approx(truth, abs=4 * line.slope_error)
        assert line.slope_error < 4e-4
        assert line.n_rejected == 1
    assert found.pixels.count[4, 4] == 0
    assert np.isnan(found.pixels.rate[4, 4])
    assert found.amplifiers["A"].percentile < 2 < np.nanmax(found.pixels.rate[hot])


def test_the_line_of_each_pixel_is_that_of_numpy():
    rng, times = np.random.default_rng(4), np.array([1.0, 2.0, 5.0, 9.0])
    planes = rng.normal(1e4, 5, (4, *SHAPE)).astype(np.float32)
    found = dark_ramp(zip(times, map(image, planes), strict=True), GEOMETRY).pixels
    (slopes, _), residual, *_ = np.linalg.lstsq(
        np.stack([times, np.ones(4)], 1), planes.reshape(4, -1).astype(float), rcond=None
    )
    np.testing.assert_allclose(found.rate.ravel(), slopes, rtol=1e-6, atol=1e-9)
    errors = np.sqrt(residual / 2 / ((times - times.mean()) ** 2).sum())
    np.testing.assert_allclose(found.error.ravel(), errors, rtol=1e-5)


def test_a_ramp_without_times_or_frames_has_reasons():
    dark, bad = image(np.ones(SHAPE)), np.full(SHAPE, 0, np.uint32)
    bad[:, :NX] = Mask.BAD
    ramp = [(float(t), image(np.full(SHAPE, t) + np.arange(120.0) % 3, bad)) for t in range(4)]
    found = dark_ramp(ramp, GEOMETRY).amplifiers
    assert found["A"] is Reason.TOO_FEW_FRAMES
    assert found["B"].line.slope == pytest.approx(1)
    noisy = image(np.random.default_rng(5).normal(size=SHAPE))
    assert dark_ramp([(5.0, noisy)] * 4, GEOMETRY).amplifiers["A"] is Reason.ONE_TIME
    with pytest.raises(ValueError, match="frame 1: dark time -1"):
        dark_ramp([(1.0, dark), (-1.0, dark)], GEOMETRY)


def test_a_bias_that_drifts_is_told_from_one_that_is_stable():
    rng = np.random.default_rng(6)
    pattern = 5 * np.sin(np.arange(NX) / 4)
    frames = []
    for time in range(12):
        data = rng.normal(0, 3, SHAPE)
        data[:, :NX] += 0.2 * time + pattern
        frames.append((float(time), image(data)))
    found = bias_stability(frames, GEOMETRY, corner=20)
    drift, stable = found["A"].drift, found["B"].drift
    assert drift.slope == pytest.approx(0.2, abs=4 * drift.slope_error)
    assert drift.slope_error < 0.01
    assert abs(stable.slope) < 4 * stable.slope_error
    assert found["A"].scatter > 5 * found["B"].scatter
    np.testing.assert_allclose(found["A"].columns - found["A"].columns.mean(), pattern, atol=1.2)
    assert found["B"].noise == pytest.approx(np.full(12, 3.0), rel=0.08)
    assert found["A"].columns_scatter == pytest.approx(3 * np.sqrt(np.pi / 2 / NY), rel=0.2)
    np.testing.assert_allclose(found["A"].corner - found["A"].corner[0], 0.2 * np.arange(12), atol=1.2)
    assert bias_stability(frames[:2], GEOMETRY)["A"] is Reason.TOO_FEW_FRAMES


def test_shifts_along_the_rows_are_found_and_drifts_are_none():
    rng, rows = np.random.default_rng(7), np.arange(2000)
    level = 0.002 * rows + 3 * np.sin(rows / 150)
    level[700:] += 4
    level[1500:] -= 2.5
    found = bias_shifts(level + rng.normal(0, 1, 2000))
    assert [abs(one.row - at) <= 2 for one, at in zip(found, (700, 1500), strict=True)] == [True, True]
    for one, size in zip(found, (4, -2.5), strict=True):
        assert one.size == pytest.approx(
            size, abs=4 * one.error + 0.7
        )  # the sine moves on by 0.6 in a window
    assert [len(bias_shifts(rng.normal(0, 1, 2000))) for _ in range(20)] == [0] * 20
    assert bias_shifts(np.ones(50)) is Reason.TOO_FEW_PIXELS


@pytest.mark.parametrize("stored_reversed", [False, True])
def test_shifts_are_measured_in_the_overscan_behind_the_charge_that_trails(stored_reversed):
    rng = np.random.default_rng(8)
    raw = rng.normal(1000, 2, (300, 80))
    raw[200:, 60:] += 3
    raw[:, 77:] += rng.normal(0, 500, (300, 1))
    raw[:, 60:] = raw[:, 60:][:, :: 1 if stored_reversed else -1]
    raw[250, 60:] = np.nan
    box = Box(0, 300, 0, 60)
    overscan = Box(0, 300, 60, 80)
    one = Amplifier(
        "A", box, box, False, False, overscan, None, 1.0, 1.0, None, overscan_reversed=stored_reversed
    )
    (found,) = amplifier_shifts(raw, one)
    assert abs(found.row - 200) <= 2
    assert found.size == pytest.approx(3, abs=4 * found.error)
    assert amplifier_shifts(raw, amplifier("B", 0)) is Reason.NO_OVERSCAN
    before = Amplifier("C", Box(0, 300, 2, 62), box, False, False, Box(0, 300, 0, 2), None, 1.0, 1.0, None)
    assert amplifier_shifts(raw, before) is Reason.TOO_FEW_PIXELS


def torn(depth, rng):
    data = 20000 * (1 + 0.002 * np.arange(2 * NX) / NX) + rng.normal(0, 60, SHAPE)
    data[:, NX - 1] *= 1 - depth
    data[:, NX] *= 1 + depth / 2
    return data


def test_tearing_is_the_largest_departure_at_a_border():
    rng = np.random.default_rng(9)
    for depth in (0.0, 0.02):
        found = divisadero(image(torn(depth, rng)), GEOMETRY, rows=(5, 35), edge=10)
        (border,) = found.borders
        assert (border.left, border.right) == ("A", "B")
        assert border.error == pytest.approx(60 / 20000 / np.sqrt(30), rel=0.35)
        assert border.largest == pytest.approx(depth, abs=5 * border.error)


def test_an_amplifier_without_light_has_no_border():
    data, mask = torn(0.0, np.random.default_rng(10)), np.zeros(SHAPE, np.uint32)
    data[:, NX:] = -1
    found = divisadero(image(data), GEOMETRY, edge=10)
    assert found.borders == ()
    assert found.reasons == {"B": Reason.NO_LIGHT}
    mask[:, :NX] = Mask.BAD
    assert divisadero(image(data, mask), GEOMETRY, edge=10).reasons["A"] is Reason.TOO_FEW_PIXELS


def test_correlations_come_back_and_their_errors_are_right():
    rng, pulls = np.random.default_rng(11), []
    truth = 0.3
    for _ in range(40):
        shared = rng.normal(0, 1, (60, 30))
        pair = [np.sqrt(truth) * shared + np.sqrt(1 - truth) * rng.normal(0, 1, (60, 30)) for _ in range(2)]
        pair[0][5, 5] = 1e4
        pair[1][6, 6] = np.nan
        found = amplifier_correlations(
            {"A": 3 * pair[0] + 1000, "B": pair[1], "C": rng.normal(0, 2, (70, 40))}
        )
        assert found.names == ("A", "B", "C")
        pulls += [(found.matrix[0, 1] - truth) / found.errors[0, 1], found.matrix[0, 2] / found.errors[0, 2]]
        np.testing.assert_array_equal(found.matrix, found.matrix.T)
    assert abs(np.mean(pulls)) < 0.5
    assert 0.75 < np.std(pulls) < 1.25
    assert found.errors[0, 1] == pytest.approx((1 - truth**2) / np.sqrt(1800), rel=0.5)


def test_noise_that_goes_on_along_the_rows_widens_the_errors():
    rng = np.random.default_rng(12)
    rows = {
        name: np.repeat(rng.normal(0, 1, (200, 1)), 20, axis=1) + rng.normal(0, 0.1, (200, 20))
        for name in "AB"
    }
    found = amplifier_correlations(rows)
    assert abs(found.matrix[0, 1]) < 4 * found.errors[0, 1]
    assert found.errors[0, 1] == pytest.approx(1 / np.sqrt(200), rel=0.5)


def test_dead_amplifiers_are_left_out_of_the_matrix():
    rng = np.random.default_rng(13)
    raw = rng.normal(0, 1, SHAPE)
    with_overscan = amplifier("A", 0, overscan=Box(0, NY, NX, NX + 20))
    pixels = {
        "A": in_readout_order(raw, with_overscan),
        "dead": np.full((40, 20), 7.0),
        "none": in_readout_order(raw, amplifier("B", 0)),
        "small": raw[:3, :3],
    }
    found = amplifier_correlations(pixels)
    assert found.names == ("A",)
    assert found.matrix == [[1]]
    assert found.reasons == {
        "dead": Reason.CONSTANT,
        "none": Reason.NO_OVERSCAN,
        "small": Reason.TOO_FEW_PIXELS,
    }
    turned = in_readout_order(raw, replace(with_overscan, image_reversed=True), overscan=False)
    np.testing.assert_array_equal(turned, raw[:, NX - 1 :: -1])
    assert amplifier_correlations({"dead": pixels["dead"]}).matrix.shape == (0, 0)


def test_amplifiers_without_pixels_in_common_have_no_correlation():
    lower, upper = np.random.default_rng(21).normal(0, 1, (2, 40, 40))
    lower[20:] = upper[:20] = np.nan
    found = amplifier_correlations({"lower": lower, "upper": upper})
    np.testing.assert_array_equal(found.matrix, [[1, np.nan], [np.nan, 1]])
    np.testing.assert_array_equal(found.errors, [[0, np.nan], [np.nan, 0]])
