"""Gains of real cameras, as others found them from pairs: within 1.5 %."""

from itertools import pairwise

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels.photon_transfer import (
    GainCorrection,
    PairSettings,
    curves,
    fit_curves,
    level_bins,
    measure_difference,
    pair_gain,
    pooled,
    read_noise,
)
from calibrant.pixels.photon_transfer.models import exponential

pytestmark = pytest.mark.real_frames
WITHIN = 0.015
BRIGHT_ADU = 23_600.0
"""Mean level of the brightest bin of `newton-du940p`."""


@pytest.fixture
def frames(real_data):
    def load(pattern, most=None):
        paths = sorted(real_data.glob(pattern))[:most]
        return [np.squeeze(fits.getdata(path)).astype(np.float32) for path in paths]

    return load


def clear(image):
    return np.zeros(image.shape, np.uint32)


def noise(biases):
    return np.mean([read_noise(one, other, clear(one)).noise for one, other in pairwise(biases)])


def bins(flats, edges, pairs=None):
    """Bins of each pair, of all neighbours where none are given; rows and columns equalised."""
    levels = np.mean(flats, axis=0)
    settings = PairSettings(least_pixels=300)
    return [
        level_bins(one, other, clear(one), edges, levels=levels, lines=True, settings=settings)
        for one, other in pairs or pairwise(flats)
    ]


def test_a_lamp_spectrum_is_a_whole_curve(frames):
    """newton-du940p: 0.976 to 0.979 e-/ADU from pairs, 2.95 ADU of read noise."""
    biases = frames("newton-du940p/bias/*Sep_19*", 4)
    flats = [flat - np.mean(biases, axis=0) for flat in frames("newton-du940p/flat/*")[2:]]
    read_noise_adu = noise(biases)
    assert read_noise_adu == pytest.approx(2.95, rel=WITHIN)
    found = bins(flats, np.geomspace(100, 31_000, 13), list(batched(flats)))
    gain = np.mean([pair_gain(pooled(pair), read_noise_adu).gain for pair in found])
    assert gain == pytest.approx(0.9775, rel=WITHIN)
    fit = fit_curves(curves([{"A": one} for pair in found for one in pair]))["A"]
    assert fit.gain == pytest.approx(0.9775, rel=WITHIN), "that of no light: the curve bends by 1.5 %"
    assert fit.chi2 / fit.degrees_of_freedom == pytest.approx(1, abs=0.25)
    [[bright]], _ = exponential(np.array([[BRIGHT_ADU]]), fit.parameters[None])
    as_pairs = BRIGHT_ADU / (bright - read_noise_adu**2)
    assert as_pairs == pytest.approx(0.9775, rel=0.005), "what the curve says a pair of bright light gives"


def batched(flats):
    """Pairs that have no flat in common."""
    return zip(flats[::2], flats[1::2], strict=False)


def test_two_amplifiers_of_a_spectrograph(frames):
    """kast-blue: dome flats through a grating; 1.19 and 1.24 e-/ADU."""
    biases, domes = frames("kast-blue/raw/b2[123]*"), frames("kast-blue/raw/b1[123]*")
    for begin, gain in [(0, 1.19), (1024, 1.24)]:
        cut = np.s_[:, begin : begin + 1024]
        flats = [(flat - np.mean(biases, axis=0))[cut] for flat in domes]
        read_noise_adu = noise([bias[cut] for bias in biases])
        found = bins(flats, np.geomspace(100, 35_000, 13))
        gains = [pair_gain(pooled(pair), read_noise_adu).gain for pair in found]
        assert np.mean(gains) == pytest.approx(gain, rel=WITHIN), begin


def test_flats_of_one_level(frames):
    """afosc-ccd42-40: odd and even frames differ by 0.7 %, which a pair is equalised for; 1.694 e-/ADU."""
    light = slice(4, 511)
    biases = [bias[:, light] for bias in frames("afosc-ccd42-40/bias/*", 6)]
    flats = [flat[:, light] - np.mean(biases, axis=0) for flat in frames("afosc-ccd42-40/flat/*", 10)]
    assert noise(biases) == pytest.approx(3.91, rel=WITHIN)
    gains = [
        pair_gain(measure_difference(one, other, clear(one)), noise(biases)) for one, other in pairwise(flats)
    ]
    assert np.mean([one.gain for one in gains]) == pytest.approx(1.694, rel=WITHIN)
    assert np.std([one.gain for one in gains]) == pytest.approx(gains[0].gain_error, rel=0.6)


def test_flats_with_a_noisy_readout(frames):
    """st402: 1.438 to 1.443 e-/ADU is what pairs say without a correction for the read noise, which is 12.5 ADU."""
    darks = frames("st402/dark/*", 3)
    flats = [flat - np.median(darks, axis=0) for flat in frames("st402/flat/*", 3)]
    pairs = [measure_difference(one, other, clear(one)) for one, other in pairwise(flats)]
    plain = np.mean([pair_gain(pair, 0.0, GainCorrection.NONE).gain for pair in pairs])
    assert plain == pytest.approx(1.4405, rel=WITHIN)
    corrected = np.mean([pair_gain(pair, noise(darks)).gain for pair in pairs])
    assert corrected / plain == pytest.approx(1.02, abs=0.005)
