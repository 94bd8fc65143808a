"""Instrument-signature removal: assembly, levels, variances and masks."""

import dataclasses

import numpy as np
import pytest

from calibrant.pixels import (
    Amplifier,
    Box,
    Geometry,
    Mask,
    Reference,
    combine,
    per_second,
    remove_signature,
    scaled,
)

NY, NX, OVER = 6, 8, 16
GAINS = {"LL": 1.0, "LR": 2.0, "UL": 1.5, "UR": 0.5}
PEDESTALS = {"LL": 1000.0, "LR": 1100.0, "UL": 900.0, "UR": 1200.0}


def quadrants() -> Geometry:
    """Four amplifiers, read from the four corners; each raw block has its overscan after its image."""
    amplifiers = []
    for index, name in enumerate(GAINS):
        upper, right = index // 2, index % 2
        x0 = index * (NX + OVER)
        amplifiers.append(
            Amplifier(
                name=name,
                image=Box(0, NY, x0, x0 + NX),
                placed=Box(upper * NY, (upper + 1) * NY, right * NX, (right + 1) * NX),
                flip_x=bool(right),
                flip_y=bool(upper),
                serial_overscan=Box(0, NY, x0 + NX, x0 + NX + OVER),
                parallel_overscan=None,
                gain_e_per_adu=GAINS[name],
                read_noise_e=4.0,
                saturation_adu=60000.0,
            )
        )
    return Geometry((NY, 4 * (NX + OVER)), (2 * NY, 2 * NX), tuple(amplifiers))


def read_out(sky_e: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Put an assembled frame in electrons through the four amplifiers, the other way round than the library."""
    top, bottom = sky_e[NY:][::-1], sky_e[:NY]
    corners = {
        "LL": bottom[:, :NX],
        "LR": bottom[:, NX:][:, ::-1],
        "UL": top[:, :NX],
        "UR": top[:, NX:][:, ::-1],
    }
    blocks = []
    for name, block in corners.items():
        pedestal = np.full((NY, NX + OVER), PEDESTALS[name]) + (0 if rows is None else rows[:, None])
        pedestal[:, :NX] += block / GAINS[name]
        blocks.append(pedestal)
    return np.hstack(blocks)


@pytest.fixture
def sky_e():
    return np.arange(2 * NY * 2 * NX, dtype=float).reshape(2 * NY, 2 * NX) * 6


def gain_map(geometry):
    gains = np.empty(geometry.shape)
    for amplifier in geometry.amplifiers:
        gains[amplifier.placed.slices] = amplifier.gain_e_per_adu
    return gains


def test_four_amplifiers_are_assembled(sky_e):
    image = remove_signature(read_out(sky_e).astype(np.uint16), quadrants())
    np.testing.assert_array_equal(image.data, sky_e)
    np.testing.assert_array_equal(image.variance, sky_e + 16)
    assert not image.mask.any()
    assert {name: level.level_adu for name, level in image.overscan.items()} == PEDESTALS
    assert (image.data.dtype, image.variance.dtype, image.mask.dtype) == ("f4", "f4", "u4")
    assert image.unit == "electron"


def test_adu_keeps_the_gain_out_of_the_data_and_in_the_variance(sky_e):
    geometry = quadrants()
    gains = gain_map(geometry)
    image = remove_signature(read_out(sky_e), geometry, unit="adu")
    np.testing.assert_array_equal(image.data, (sky_e / gains).astype("f4"))
    np.testing.assert_allclose(image.variance, sky_e / gains**2 + 16 / gains**2, rtol=1e-6)


@pytest.mark.parametrize("kind", ["u2", "i2", "i4", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_type_and_byte_order_change_nothing(sky_e, kind, order):
    raw = read_out(sky_e)
    expected = remove_signature(raw.astype("i4"), quadrants())
    given = raw.astype("i4").astype(order + kind)
    kept = given.copy()
    found = remove_signature(given, quadrants())
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.variance, expected.variance)
    np.testing.assert_array_equal(given, kept)


def test_overscan_by_row_follows_rows(sky_e):
    drift = np.array([0.0, 10, -5, 3, 7, 1])
    raw = read_out(sky_e, drift)
    by_row = remove_signature(raw, quadrants(), overscan="median-per-row")
    np.testing.assert_array_equal(by_row.data, sky_e)
    assert by_row.overscan["LL"].level_adu == PEDESTALS["LL"] + 2.0
    assert by_row.overscan["LL"].residual_std_adu == 0
    whole = remove_signature(raw, quadrants(), overscan="median")
    assert whole.overscan["LL"].residual_std_adu == pytest.approx(np.repeat(drift, OVER).std(ddof=1))
    none = remove_signature(raw, quadrants(), overscan="none", unit="adu")
    assert none.overscan == dict.fromkeys(GAINS)
    assert none.data[0, 0] == PEDESTALS["LL"]


def test_the_overscan_measures_the_read_noise():
    geometry = Geometry(
        (400, 160),
        (400, 100),
        (
            Amplifier(
                "A",
                Box(0, 400, 0, 100),
                Box(0, 400, 0, 100),
                False,
                False,
                Box(0, 400, 110, 160),
                None,
                2.0,
                6.0,
                None,
            ),
        ),
    )
    raw = np.random.default_rng(1).normal(1000, 3.0, geometry.raw_shape).round().astype(np.uint16)
    level = remove_signature(raw, geometry).overscan["A"]
    assert level.level_adu == pytest.approx(1000, abs=0.5)
    assert level.residual_std_adu == pytest.approx(np.hypot(3.0, 12**-0.5), rel=0.02)


def test_saturation_is_marked_at_its_raw_level_and_place():
    sky = np.zeros((2 * NY, 2 * NX))
    sky[2 * NY - 1, 2 * NX - 1] = (60000 - PEDESTALS["UR"]) * GAINS["UR"]
    sky[0, 1] = (59999 - PEDESTALS["LL"]) * GAINS["LL"]
    image = remove_signature(read_out(sky).astype(np.uint16), quadrants())
    expected = np.zeros_like(image.mask)
    expected[2 * NY - 1, 2 * NX - 1] = Mask.SATURATED
    np.testing.assert_array_equal(image.mask, expected)


def test_references_and_their_noise(sky_e):
    shape = sky_e.shape
    bias = Reference(np.full(shape, 5, ">f4"), np.full(shape, 0.5), None)
    dark = Reference(np.full(shape, 0.1), np.full(shape, 0.01), np.zeros(shape, np.uint32))
    dark.mask[1, 2] = Mask.HOT
    flat = Reference(np.full(shape, 2.0), np.full(shape, 1e-3), np.zeros(shape, np.uint32))
    flat.mask[1, 2], flat.mask[3, 4] = Mask.SUSPECT, Mask.DEAD
    image = remove_signature(
        read_out(sky_e + 5 + 3), quadrants(), bias=bias, dark=dark, dark_scale=30.0, flat=flat
    )
    np.testing.assert_allclose(image.data, sky_e / 2, atol=1e-4)
    # photons: sky and dark; read noise; bias; dark scaled; then the flat's own share
    before = (sky_e + 3) + 16 + 0.5 + 30**2 * 0.01
    np.testing.assert_allclose(image.variance, (before + (sky_e / 2) ** 2 * 1e-3) / 4, rtol=1e-5)
    assert image.mask[1, 2] == Mask.HOT | Mask.SUSPECT
    assert image.mask[3, 4] == Mask.DEAD
    assert np.count_nonzero(image.mask) == 2


def test_negative_signal_has_no_negative_photon_noise():
    image = remove_signature(read_out(np.full((2 * NY, 2 * NX), -20.0)), quadrants())
    assert (image.variance == 16).all()


def test_a_bias_frame_counts_no_photons(sky_e):
    image = remove_signature(read_out(sky_e), quadrants(), overscan="none", photon_noise=False)
    assert (image.variance == 16).all()


def test_a_flat_that_cannot_divide(sky_e):
    flat = Reference(np.ones(sky_e.shape))
    flat.data[0, :4] = [0, -1, np.nan, np.inf]
    image = remove_signature(read_out(sky_e), quadrants(), flat=flat)
    assert (image.mask[0, :4] == Mask.BAD).all()
    assert np.isnan(image.data[0, :4]).all()
    assert np.isnan(image.variance[0, :4]).all()
    assert not image.mask[0, 4:].any()


def test_missing_pixels_are_marked(sky_e):
    raw = read_out(sky_e)
    raw[2, 3], raw[2, 4] = np.nan, np.inf
    bias = Reference(np.zeros(sky_e.shape))
    bias.data[5, 5] = np.nan
    image = remove_signature(raw, quadrants(), bias=bias)
    missing = np.zeros(sky_e.shape, bool)
    missing[2, 3] = missing[2, 4] = missing[5, 5] = True
    np.testing.assert_array_equal((image.mask & Mask.NO_DATA) != 0, missing)
    np.testing.assert_array_equal(np.isnan(image.data), missing)
    np.testing.assert_array_equal(np.isnan(image.variance), missing)


def test_an_amplifier_without_overscan_keeps_its_pedestal(sky_e):
    geometry = quadrants()
    first = dataclasses.replace(geometry.amplifiers[0], serial_overscan=None)
    bare = dataclasses.replace(geometry, amplifiers=(first, *geometry.amplifiers[1:]))
    image = remove_signature(read_out(sky_e), bare)
    assert image.overscan["LL"] is None
    assert image.overscan["LR"].level_adu == PEDESTALS["LR"]
    assert image.data[0, 0] == sky_e[0, 0] + PEDESTALS["LL"]


def test_the_parallel_overscan_stands_in():
    alone = Amplifier(
        "A", Box(0, 4, 0, 5), Box(0, 4, 0, 5), False, False, None, Box(4, 6, 0, 5), 1.0, 1.0, None
    )
    raw = np.full((6, 5), 30.0)
    raw[:4] = 37
    image = remove_signature(raw, Geometry((6, 5), (4, 5), (alone,)))
    assert (image.data == 7).all()
    with pytest.raises(ValueError, match="'A': overscan 'median-per-row' needs a serial overscan"):
        remove_signature(raw, Geometry((6, 5), (4, 5), (alone,)), overscan="median-per-row")


def test_what_is_wrong_is_named(sky_e):
    raw, geometry = read_out(sky_e), quadrants()
    plane = Reference(np.zeros(sky_e.shape))
    small = Reference(np.zeros((2, 2)))
    nan = raw.copy()
    nan[3, NX : NX + OVER] = np.nan
    for message, given, options in [
        ("raw frame: shape", raw[1:], {}),
        ("raw frame: type complex", raw.astype(complex), {}),
        ("bias: shape", raw, {"bias": small}),
        ("dark: shape", raw, {"dark": small, "dark_scale": 1.0}),
        ("flat: shape", raw, {"flat": small}),
        ("flat variance: shape", raw, {"flat": Reference(plane.data + 1, small.data)}),
        ("bias mask: shape", raw, {"bias": Reference(plane.data, None, np.zeros((2, 2), "u4"))}),
        ("dark_scale: None", raw, {"dark": plane}),
        ("dark_scale: nan", raw, {"dark": plane, "dark_scale": float("nan")}),
        ("unit: 'e-'", raw, {"unit": "e-"}),
        ("overscan: 'mean'", raw, {"overscan": "mean"}),
        ("'LL': no finite pixel in its overscan of row 3", nan, {"overscan": "median-per-row"}),
    ]:
        with pytest.raises(ValueError, match=message):
            remove_signature(given, geometry, **options)


def test_darks_of_different_times_make_one_dark_per_second():
    rng = np.random.default_rng(7)
    amplifier = Amplifier("A", Box(0, 50, 0, 50), Box(0, 50, 0, 50), False, False, None, None, 1.0, 5.0, None)
    geometry = Geometry((50, 50), (50, 50), (amplifier,))
    truth = rng.uniform(1.0, 3.0, (50, 50))
    times = [100.0, 200.0, 400.0] * 4
    images = [
        per_second(remove_signature(rng.poisson(truth * t) + rng.normal(0, 5, truth.shape), geometry), t)
        for t in times
    ]
    np.testing.assert_allclose(images[0].variance, (images[0].data * 100 + 25) / 100**2, rtol=1e-4)
    dark = combine([image.data for image in images], variances=[image.variance for image in images])
    z = (dark.data - truth) / np.sqrt(dark.variance)
    assert abs(np.median(dark.data - truth)) < 0.005
    assert np.median(np.abs(z)) == pytest.approx(0.6745, abs=0.06)
    reference = scaled(Reference(dark.data, dark.variance, dark.mask), 60.0)
    np.testing.assert_allclose(reference.data, dark.data * 60)
    np.testing.assert_allclose(reference.variance, dark.variance * 3600)
    assert scaled(Reference(dark.data), 2.0).variance is None
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="dark_time_s"):
            per_second(images[0], wrong)
    with pytest.raises(ValueError, match="factor"):
        scaled(reference, float("inf"))
