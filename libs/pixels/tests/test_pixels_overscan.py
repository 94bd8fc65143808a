"""Overscans: models against signals whose level is known, and the order of serial and parallel."""

import dataclasses

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Box, Geometry, Overscan, Signature, clipped_statistics, correct_frame

NY, NX, OVER = 300, 40, 24
DRIFT = 1000 + 30 * np.sin(np.arange(NY) / 60)
CUBIC = 1000 + 20 * np.polyval([3, -2, 1, 0], np.linspace(-1, 1, NY))


def one(**changes):
    amplifier = Amplifier(
        "A",
        Box(0, NY, 0, NX),
        Box(0, NY, 0, NX),
        flip_x=False,
        flip_y=False,
        serial_overscan=Box(0, NY, NX, NX + OVER),
        parallel_overscan=Box(NY, NY + 20, 0, NX),
        gain_e_per_adu=2.0,
        read_noise_e=4.0,
        saturation_adu=None,
    )
    return Geometry((NY + 20, NX + OVER), (NY, NX), (dataclasses.replace(amplifier, **changes),))


def raw_of(levels, noise=0.0, seed=1):
    raw = np.full((NY + 20, NX + OVER), float(np.mean(levels)))
    raw[:NY] = levels[:, None]
    return raw + np.random.default_rng(seed).normal(0, noise, raw.shape)


@pytest.mark.parametrize(
    ("overscan", "levels", "within"),
    [
        (Overscan("median"), np.full(NY, 1000.0), 0.2),
        (Overscan("clipped-mean"), np.full(NY, 1000.0), 0.2),
        (Overscan("median-per-row"), DRIFT, 3.5),
        (Overscan("polynomial", degree=3), CUBIC, 0.6),
        (Overscan("polynomial", degree=7), DRIFT, 0.8),
        (Overscan("spline", knots=16), DRIFT, 0.9),
    ],
)
def test_every_model_finds_the_level_it_can_describe(overscan, levels, within):
    raw = raw_of(levels, noise=3.0)
    image = correct_frame(raw, one(), Signature(overscan=overscan, unit="adu"))
    found = (raw[:NY, :NX] - image.data)[:, 0]
    assert np.abs(found - levels).max() < within
    assert image.overscan["A"].residual_std_adu == pytest.approx(3.0, rel=0.05)
    assert image.overscan["A"].level_adu == pytest.approx(np.median(levels), abs=0.5)


@pytest.mark.parametrize("columns", [1, 2, 7, 24])
@pytest.mark.parametrize("kind", ["u1", "<u2", ">i2", "<i4", "f4", ">f8"])
def test_levels_and_residuals_do_not_depend_on_the_type(kind, columns):
    rng = np.random.default_rng(columns)
    raw = rng.integers(0, 120, (NY + 20, NX + columns))
    geometry = one(serial_overscan=Box(0, NY, NX, NX + columns))
    geometry = dataclasses.replace(geometry, raw_shape=raw.shape)
    if columns > 2:
        raw[7, NX] = 100_000 if kind[-2:] in {"i4", "f4", "f8"} else 127
    image = correct_frame(
        raw.astype(kind), geometry, Signature(overscan=Overscan("median-per-row"), unit="adu")
    )
    levels = np.median(raw[:NY, NX:].astype(float), axis=1)
    np.testing.assert_array_equal(image.data, (raw[:NY, :NX] - levels[:, None]).astype("f4"))
    residual = clipped_statistics(raw[:NY, NX:].astype(float) - levels[:, None])
    assert image.overscan["A"].residual_std_adu == residual.std
    assert image.overscan["A"].level_adu == np.median(levels)


def test_a_polynomial_is_exact_on_a_polynomial_and_a_struck_row_does_not_bend_it():
    levels = CUBIC.copy()
    levels[100:104] += 5000
    raw = raw_of(levels)
    image = correct_frame(raw, one(), Signature(overscan=Overscan("polynomial", iterations=5), unit="adu"))
    np.testing.assert_allclose(raw[:NY, 0] - image.data[:, 0], CUBIC, atol=1e-3)
    bent = correct_frame(raw, one(), Signature(overscan=Overscan("polynomial", iterations=0), unit="adu"))
    assert np.abs(raw[:NY, 0] - bent.data[:, 0] - CUBIC).max() > 50


def test_a_spline_is_exact_on_a_line():
    levels = 1000 + 0.125 * np.arange(NY)
    raw = raw_of(levels)
    image = correct_frame(raw, one(), Signature(overscan=Overscan("spline"), unit="adu"))
    np.testing.assert_allclose(image.data, 0, atol=1e-4)


@pytest.mark.parametrize("left", [False, True])
def test_skips_count_from_the_image(left):
    raw = raw_of(np.full(NY, 500.0))
    geometry = one()
    edge, far = NX, NX + OVER - 1
    if left:
        geometry = one(image=Box(0, NY, OVER, OVER + NX), serial_overscan=Box(0, NY, 0, OVER))
        edge, far = OVER - 1, 0
    raw[:, edge] += 8  # charge that came late
    raw[:, far] -= 6
    level = {
        skips: correct_frame(
            raw,
            geometry,
            Signature(
                overscan=Overscan("clipped-mean", sigma=50, leading_skip=skips[0], trailing_skip=skips[1])
            ),
        )
        .overscan["A"]
        .level_adu
        for skips in [(0, 0), (1, 0), (0, 1), (1, 1)]
    }
    assert level == pytest.approx(
        {
            (0, 0): 500 + 2 / OVER,
            (1, 0): 500 - 6 / (OVER - 1),
            (0, 1): 500 + 8 / (OVER - 1),
            (1, 1): 500,
        }
    )


@pytest.mark.parametrize("unit", ["adu", "electron"])
def test_the_parallel_overscan_measures_what_the_serial_one_leaves(unit):
    columns = np.sin(np.arange(NX)) * 5
    raw = raw_of(DRIFT)
    raw[:, :NX] += columns
    raw[NY:, :NX] += np.median(DRIFT) - np.mean(DRIFT)
    signature = Signature(overscan=Overscan("median-per-row"), parallel=Overscan("median-per-row"), unit=unit)
    image = correct_frame(raw, one(), signature)
    np.testing.assert_allclose(image.data, 0, atol=1e-9)
    alone = correct_frame(raw, one(), dataclasses.replace(signature, parallel=Overscan("none")))
    gain = 1.0 if unit == "adu" else 2.0
    np.testing.assert_allclose(alone.data, np.tile(columns * gain, (NY, 1)), atol=1e-4)


def test_rows_of_the_parallel_overscan_use_the_serial_one_beside_them():
    tall = one(serial_overscan=Box(0, NY + 20, NX, NX + OVER))
    levels = np.append(DRIFT, np.linspace(1200, 1300, 20))
    raw = np.tile(levels[:, None], NX + OVER)
    raw[:, :NX] += 7
    signature = Signature(overscan=Overscan("median-per-row"), parallel=Overscan("median"), unit="adu")
    np.testing.assert_allclose(correct_frame(raw, tall, signature).data, 0, atol=1e-9)


def test_pixels_that_are_not_finite_do_not_count():
    raw = raw_of(np.full(NY, 700.0))
    raw[5, NX : NX + OVER - 1] = np.nan
    raw[6, NX] = np.inf
    for method in ("median", "clipped-mean", "median-per-row", "polynomial", "spline"):
        image = correct_frame(raw, one(), Signature(overscan=Overscan(method)))
        np.testing.assert_allclose(image.data, 0, atol=1e-9)
    raw[5, NX:] = np.nan
    for method in ("median", "clipped-mean", "polynomial", "spline"):
        np.testing.assert_allclose(
            correct_frame(raw, one(), Signature(overscan=Overscan(method))).data, 0, atol=1e-9
        )


def test_what_is_wrong_is_named():
    raw = raw_of(np.full(NY, 700.0))
    blind = raw.copy()
    blind[:, NX:] = np.nan
    short = one(parallel_overscan=Box(NY, NY + 20, 1, NX))
    by_column = Overscan("median-per-row")
    for message, frame, geometry, overscan, parallel in [
        ("'A': no finite pixel in its overscan;", blind, one(), Overscan("clipped-mean"), Overscan("none")),
        ("'A': 0 lines of its overscan have", blind, one(), Overscan("spline"), Overscan("none")),
        ("'A': parallel overscan 'median' needs", raw, one(parallel_overscan=None), Overscan(), Overscan()),
        ("beside every image column", raw, short, Overscan(), by_column),
        ("trailing_skip 20 leave nothing", raw, one(), Overscan(), Overscan(trailing_skip=20)),
    ]:
        with pytest.raises(ValueError, match=message):
            correct_frame(frame, geometry, Signature(overscan=overscan, parallel=parallel))
    for wrong, message in [
        ({"method": "mode"}, "overscan: 'mode'"),
        ({"sigma": 0.0}, "overscan sigma: 0"),
        ({"knots": 1}, "overscan knots: 1, must be at least 2"),
        ({"leading_skip": -1}, "overscan leading_skip: -1"),
    ]:
        with pytest.raises(ValueError, match=message):
            Overscan(**wrong)
