"""Real frames of four cameras through measurement and decision: known levels and noises, and what is certified."""

import numpy as np
import pytest

pytestmark = pytest.mark.real_frames


def frames(bench, folder, pattern):
    paths = sorted(folder.glob(pattern))
    assert paths
    return [bench.input(path) for path in paths]


def metric(report, name, amplifier):
    rows = [row for row in report.measurements if row.amplifier == amplifier and name in row.values]
    return np.array([row.values[name] for row in rows], dtype=float)


@pytest.mark.parametrize(
    ("camera", "pattern", "known_adu"),
    [
        ("newton-du940p", "bias/*", {"A": 2.95}),
        ("afosc-ccd42-40", "bias/*", {"A": 3.91}),
        ("kast-blue", "raw/b2[123]*", {"A1": 2.86, "A2": 2.70}),
    ],
)
def test_real_biases_have_their_known_read_noise_and_are_certified(
    real_bench, real_data, camera, pattern, known_adu
):
    bench = real_bench(camera)
    inputs = frames(bench, real_data / camera, pattern)
    report, measured = bench.measure(bench.master("bias", inputs), inputs)
    part = np.sqrt(1 - 1 / len(inputs))  # a frame of the master, less its own share of it
    for amplifier in bench.instrument.geometry(0).amplifiers:
        noise_adu = metric(report, "NOISE", amplifier.name) / amplifier.gain_e_per_adu / part
        assert np.median(noise_adu) == pytest.approx(known_adu[amplifier.name], rel=0.06)
    decided = bench.decide("bias", [measured])
    assert decided.detectors[0].accepted, decided.detectors[0].reason


@pytest.mark.parametrize(
    ("camera", "pattern", "level_adu"),
    [("afosc-ccd42-40", "bias/*", {"A": 1461}), ("kast-blue", "raw/b2[123]*", {"A1": 945, "A2": 966})],
)
def test_real_overscans_have_their_known_levels(real_bench, real_data, camera, pattern, level_adu):
    bench = real_bench(camera)
    inputs = frames(bench, real_data / camera, pattern)
    report, _ = bench.measure(bench.master("bias", inputs), inputs)
    for name, known in level_adu.items():
        levels = metric(report, "OVERSCAN_LEVEL_ADU", name)
        assert np.median(levels) == pytest.approx(known, abs=2.0)


def test_the_darks_of_st402_are_certified(real_bench, real_data):
    bench, folder = real_bench("st402"), real_data / "st402"
    inputs = frames(bench, folder, "dark/*")
    dark = bench.master("dark", inputs, unit="adu")
    report, measured = bench.measure(dark, inputs, unit="adu")
    assert metric(report, "NOISE", "A") / 1.44 == pytest.approx(11.6, abs=0.1)
    decided = bench.decide("dark", [measured])
    assert decided.detectors[0].accepted, decided.detectors[0].reason


@pytest.mark.parametrize(
    ("camera", "subtract", "flats"),
    [
        ("afosc-ccd42-40", "bias/*", "flat/*"),
        ("st402", "dark/*", "flat/*"),
        ("kast-blue", "raw/b2[123]*", "raw/b1[123]*"),
    ],
)
def test_real_flats_have_the_noise_that_is_expected_and_are_certified(
    real_bench, real_data, camera, subtract, flats
):
    report, decided = flat_set(real_bench(camera), real_data / camera, subtract, flats)
    assert report.errors == ()
    for amplifier in {row.amplifier for row in report.measurements} - {None}:
        np.testing.assert_allclose(metric(report, "NOISE_RATIO", amplifier), 1.0, atol=0.02)
    assert decided.detectors[0].accepted, decided.detectors[0].reason


def test_the_root_of_the_level_fails_by_a_factor_where_the_light_is_a_spectrum(real_bench, real_data):
    report, _ = flat_set(real_bench("kast-blue"), real_data / "kast-blue", "raw/b2[123]*", "raw/b1[123]*")
    ratio = metric(report, "NOISE", "A1") / np.sqrt(metric(report, "MEAN", "A1"))
    assert (ratio > 3).all()
    root = [one for one in report.results if one.test == "NOISE" and one.amplifier == "A1"]
    assert all(one.advisory and one.verdict == "fail" for one in root)


def test_the_lamp_of_newton_drifts_and_its_flat_is_refused_for_that(real_bench, real_data):
    """The spectrum moves: neighbours in time agree to 3 %, the first and the last frame are 2.9 times apart."""
    report, decided = flat_set(real_bench("newton-du940p"), real_data / "newton-du940p", "bias/*", "flat/*")
    ratios = metric(report, "NOISE_RATIO", "A")
    assert ratios.min() == pytest.approx(1.01, abs=0.01)
    assert ratios[0] > 1.8
    assert ratios[-1] > 1.8
    assert not decided.detectors[0].accepted
    assert "NOISE_MODEL fails in" in decided.detectors[0].reason


def flat_set(bench, folder, subtract, flats):
    """Measure and decide a set of flats against a flat made of them."""
    inputs = frames(bench, folder, flats)
    kind = "dark" if folder.name == "st402" else "bias"
    removed = bench.master(kind, frames(bench, folder, subtract))
    flat = bench.master("flat", inputs, **{kind: removed})
    report, measured = bench.measure(flat, inputs, removed)
    return report, bench.decide("flat", [measured])
