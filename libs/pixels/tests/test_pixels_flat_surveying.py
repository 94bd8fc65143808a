"""Flats in one pass: the numbers of a frame divided by its flat, and its noise before, are those of whole images."""

from dataclasses import replace

import numpy as np
import pytest

from calibrant.pixels import (
    Amplifier,
    Box,
    Combining,
    Composition,
    Geometry,
    Mask,
    Overscan,
    Reference,
    Signature,
    Terms,
    amplifier_statistics,
    correct_frame,
    flat_statistics,
    frame_statistics,
    noise_ratio,
)
from calibrant.pixels.flat_surveying import residual_illumination
from calibrant.pixels.statistics import describe

LIT = Amplifier(
    "lit", Box(0, 90, 0, 70), Box(0, 90, 0, 70), False, True, Box(0, 90, 140, 150), None, 1.5, 5.0, 6e4
)
DIM = replace(
    LIT,
    name="dim",
    image=Box(0, 90, 70, 140),
    placed=Box(0, 90, 70, 140),
    flip_x=True,
    flip_y=False,
    gain_e_per_adu=1.7,
)
DETECTOR = Geometry((90, 150), (90, 140), (LIT, DIM))
MODEL = {"composition": Composition(8, 0, Combining("median"))}


@pytest.fixture
def signature():
    rng = np.random.default_rng(4)
    planes = {
        name: rng.normal(1, 0.02, DETECTOR.shape).astype(np.float32) for name in ("bias", "dark", "flat")
    }
    planes["flat"][3, 5] = 0
    mask = (rng.random(DETECTOR.shape) < 0.01) * np.uint32(Mask.BAD)
    return Signature(
        overscan=Overscan("median-per-row"),
        bias=Reference(planes["bias"]),
        dark=Reference(planes["dark"]),
        flat=Reference(planes["flat"], planes["flat"] * 1e-4, mask),
    )


@pytest.fixture
def raw():
    rng = np.random.default_rng(5)
    frame = rng.normal(1000, 3, DETECTOR.raw_shape)
    frame[:, :140] += rng.poisson(5000, (90, 140))
    frame[40, 60] = 65000
    return frame.round().astype(">u2")


def test_what_a_flat_leaves_of_the_illumination_is_that_of_plain_numpy():
    rng = np.random.default_rng(8)
    gradient = 1 + 0.04 * np.arange(96) / 95
    divided = (1000 * gradient + rng.normal(0, 30, (80, 96))).astype(np.float32)
    divided[3, 4], divided[60, 2] = np.nan, 50_000.0
    found = residual_illumination(divided, describe(divided, divided.size))
    clean = np.where(divided > 2000, np.nan, divided).astype(float).reshape(4, 20, 4, 24)
    blocks = np.nanmean(clean, axis=(1, 3))
    assert found == pytest.approx((blocks.max() - blocks.min()) / np.nanmean(clean), rel=1e-3)
    assert found == pytest.approx(0.03, abs=0.006)
    divided[:20, :24] = np.nan
    assert np.isnan(residual_illumination(divided, describe(divided, divided.size)))


def test_one_pass_gives_what_two_corrected_images_give(raw, signature):
    terms = Terms(dark_time_s=3.0)
    found = flat_statistics(raw, DETECTOR, signature, terms=Terms(dark_time_s=3.0), **MODEL)
    divided = correct_frame(raw, DETECTOR, signature, terms)
    undivided = correct_frame(raw, DETECTOR, replace(signature, flat=None), terms)
    assert found.amplifiers == amplifier_statistics(divided, DETECTOR)
    assert found.overscan == divided.overscan
    for amplifier in DETECTOR.amplifiers:
        image, flat = undivided.cut(amplifier.placed), signature.flat.cut(amplifier.placed)
        expected = noise_ratio(image, flat, read_noise_e=5.0, **MODEL)
        assert found.noise[amplifier.name] == expected
        assert expected.level == pytest.approx(5000 * amplifier.gain_e_per_adu, rel=0.01)


def test_an_amplifier_without_light_says_why_and_the_other_is_measured(raw, signature):
    raw[:, 70:140] = 900
    found = flat_statistics(raw, DETECTOR, signature, terms=Terms(dark_time_s=0.0), **MODEL)
    assert "is not above zero; is it a flat?" in found.noise["dim"]
    assert found.noise["lit"].ratio > 0
    assert found.amplifiers["dim"].count > 6000


def test_a_frame_in_adu_has_the_same_ratio(raw, signature):
    plain = replace(signature, bias=None, dark=None)
    found = [
        flat_statistics(raw, DETECTOR, replace(plain, unit=unit), **MODEL).noise
        for unit in ("electron", "adu")
    ]
    for amplifier in DETECTOR.amplifiers:
        electron, adu = (one[amplifier.name] for one in found)
        assert adu.ratio == pytest.approx(electron.ratio, rel=1e-5)
        assert adu.level * amplifier.gain_e_per_adu == pytest.approx(electron.level, rel=1e-5)


def test_without_a_flat_there_is_nothing_to_measure_against(raw, signature):
    with pytest.raises(ValueError, match="signature: has no flat"):
        flat_statistics(raw, DETECTOR, replace(signature, flat=None), terms=Terms(dark_time_s=1.0), **MODEL)


def test_numpy_sorts_where_the_library_is_not_there_and_says_so(raw, signature, monkeypatch):
    found = flat_statistics(raw, DETECTOR, signature, terms=Terms(dark_time_s=2.0), **MODEL)
    monkeypatch.setattr("calibrant.pixels.ordered.sorter", lambda: None)
    plain = flat_statistics(raw, DETECTOR, signature, terms=Terms(dark_time_s=2.0), **MODEL)
    assert plain.backend == "numpy"
    assert (plain.amplifiers, plain.noise) == (found.amplifiers, found.noise)
    assert frame_statistics(raw, DETECTOR, signature, Terms(dark_time_s=2.0)).backend == "numpy"
