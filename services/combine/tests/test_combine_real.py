"""Real frames of four cameras: products that others made, reproduced; levels and noises that are known."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels import clipped_statistics

pytestmark = pytest.mark.real_frames


def inputs(bench, folder, pattern):
    paths = sorted(folder.glob(pattern))
    assert paths
    return [bench.input(path, f"frames/{path.name}") for path in paths]


def peer(folder, pattern):
    (path,) = folder.glob(pattern)
    return np.squeeze(fits.getdata(path)).astype(np.float64)


def test_st402_is_the_peers_dark_exactly_and_its_flat_to_rounding(real_bench, real_data):
    bench, folder = real_bench("st402"), real_data / "st402"
    asked = {"statistic": "median", "unit": "adu"}
    product, dark, _ = bench.build("dark", inputs(bench, folder, "dark/*"), **asked)
    np.testing.assert_array_equal(product.data, peer(folder, "peer/master_dark*"))
    assert (product.unit, product.per_second, product.dark_time_s) == ("adu", False, 2.0)
    flats = [*inputs(bench, folder, "flat/*"), bench.calibration("dark", dark)]
    product, _, _ = bench.build("flat", flats, **asked, normalise="combined")
    assert product.filter is not None
    np.testing.assert_allclose(product.data, peer(folder, "peer/master_flat*"), rtol=2**-23)


@pytest.mark.parametrize(("statistic", "within_adu"), [("mean", 0.7), ("clipped-mean", 1.0)])
def test_newton_is_the_peers_bias_everywhere(real_bench, real_data, statistic, within_adu):
    bench, folder = real_bench("newton-du940p"), real_data / "newton-du940p"
    frames = inputs(bench, folder, "bias/*")
    product, facts, _ = bench.build("bias", frames, statistic=statistic, unit="adu")
    assert len(facts.frames) == 32
    assert np.abs(product.data - peer(folder, "peer/master_bias*")).max() <= within_adu


@pytest.mark.parametrize(
    ("camera", "pattern", "known"),
    [
        ("newton-du940p", "bias/*", {"noises_adu": (2.95,)}),
        ("afosc-ccd42-40", "bias/*", {"noises_adu": (3.91,), "levels_adu": (1461.0,)}),
        ("kast-blue", "raw/b2[123]*", {"noises_adu": (2.86, 2.70), "levels_adu": (945.0, 966.0)}),
    ],
)
def test_the_scatter_of_biases_is_the_known_read_noise(real_bench, real_data, camera, pattern, known):
    bench = real_bench(camera)
    noises_adu, levels_adu = known["noises_adu"], known.get("levels_adu")
    frames = inputs(bench, real_data / camera, pattern)
    asked = {"statistic": "mean", "unit": "adu", "overscan": "none"}
    product, facts, _ = bench.build("bias", frames, **asked)
    count = len(facts.frames)
    for index, amplifier in enumerate(bench.instrument.geometry(0).amplifiers):
        part = amplifier.placed.slices
        noise = np.sqrt(clipped_statistics(product.variance[part] * count).mean)
        assert noise == pytest.approx(noises_adu[index], rel=0.05)
        if levels_adu is not None:
            assert np.median(product.data[part]) == pytest.approx(levels_adu[index], abs=2.0)


@pytest.mark.parametrize(
    ("camera", "biases", "flats"),
    [
        ("newton-du940p", "bias/*", "flat/*"),
        ("afosc-ccd42-40", "bias/*", "flat/*"),
        ("kast-blue", "raw/b2[123]*", "raw/b1[123]*"),
    ],
)
def test_a_flat_does_not_depend_on_the_unit(real_bench, real_data, camera, biases, flats):
    """One gain an amplifier: a flat of ADU frames is that of electron frames times a number an amplifier."""
    bench = real_bench(camera)
    made = {}
    for unit in ("adu", "electron"):
        _, bias, _ = bench.build("bias", inputs(bench, real_data / camera, biases), unit=unit)
        frames = [*inputs(bench, real_data / camera, flats), bench.calibration("bias", bias)]
        made[unit], _, _ = bench.build("flat", frames, unit=unit, normalise="combined")
    gains = np.array([a.gain_e_per_adu for a in bench.instrument.geometry(0).amplifiers])
    ratios = []
    for amplifier in bench.instrument.geometry(0).amplifiers:
        part = amplifier.placed.slices
        good = (made["adu"].mask[part] == 0) & (made["adu"].data[part] > 0.05)
        ratio = made["electron"].data[part][good] / made["adu"].data[part][good]
        assert np.percentile(np.abs(ratio / np.median(ratio) - 1), 99) < 1e-4
        ratios.append(np.median(ratio))
    np.testing.assert_allclose(np.array(ratios) / ratios[0], gains / gains[0], rtol=1e-4)
