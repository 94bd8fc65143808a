"""Flats: levels, and noise that an ideal detector explains."""

import dataclasses

import numpy as np
import pytest

from calibrant.pixels import (
    Amplifier,
    Box,
    Combining,
    Composition,
    Geometry,
    Image,
    Mask,
    Reference,
    clipped_level,
    combine,
    noise_ratio,
    normalise,
)

N, READ_NOISE_E = 20, 5.0
SHAPE = (100, 500)
INSIDE, HELD_OUT = Composition(N, 0), Composition(N)


def illumination(structured: bool) -> np.ndarray:
    if not structured:
        return np.full(SHAPE, 20_000.0)
    return np.tile(np.geomspace(300, 30_000, SHAPE[1]), (SHAPE[0], 1))


def image_of(data: np.ndarray, unit="electron") -> Image:
    return Image(
        data.astype(np.float32), np.ones(data.shape, np.float32), np.zeros(data.shape, np.uint32), {}, unit
    )


def exposures(structured: bool, gain: float = 1.0) -> list[Image]:
    rng = np.random.default_rng(21)
    light = illumination(structured)
    unit = "electron" if gain == 1 else "adu"
    return [
        image_of((rng.poisson(light) + rng.normal(0, READ_NOISE_E, SHAPE)) / gain, unit) for _ in range(N + 1)
    ]


def master(images: list[Image], statistic: str = "clipped-mean") -> Reference:
    combined = combine([normalise(image.data, image.mask).data for image in images], statistic=statistic)
    return Reference(combined.data, combined.variance, combined.mask)


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_an_ideal_flat_gives_one(structured, gain):
    images = exposures(structured, gain)
    flat = master(images[:N])
    options = {"read_noise_e": READ_NOISE_E, "gain": gain}
    inside = noise_ratio(images[0], flat, **options, composition=INSIDE)
    outside = noise_ratio(images[N], flat, **options, composition=HELD_OUT)
    error = 4 / np.sqrt(2 * outside.count)
    assert inside.ratio == pytest.approx(1, abs=error)
    assert outside.ratio == pytest.approx(1, abs=error)
    # without the reference's noise neither would do: 0.975 and 1.025
    swapped = noise_ratio(images[N], flat, **options, composition=INSIDE)
    assert swapped.ratio == pytest.approx(np.sqrt((1 + 1 / N) / (1 - 1 / N)), abs=error)


def test_level_and_expected_noise_of_even_light():
    images = exposures(structured=False)
    found = noise_ratio(images[N], master(images[:N]), read_noise_e=READ_NOISE_E, composition=HELD_OUT)
    assert found.level == pytest.approx(20_000, rel=1e-4)
    assert found.expected == pytest.approx(np.sqrt((20_000 + 25) * (1 + 1 / N)), rel=1e-3)


@pytest.mark.parametrize("in_reference", [True, False])
def test_a_median_master(in_reference):
    images = exposures(structured=False)
    frame = images[0 if in_reference else N]
    found = noise_ratio(
        frame,
        master(images[:N], "median"),
        read_noise_e=READ_NOISE_E,
        composition=Composition(N, 0 if in_reference else None, Combining("median")),
    )
    assert found.ratio == pytest.approx(1, abs=4 / np.sqrt(2 * found.count))


def test_excess_noise_is_recovered_and_outliers_are_not_noise():
    images = exposures(structured=True)
    flat = master(images[:N])
    rng = np.random.default_rng(5)
    noisy = images[N].data + rng.normal(0, 1, SHAPE) * np.sqrt(0.44 * (illumination(True) + READ_NOISE_E**2))
    noisy[rng.random(SHAPE) < 0.01] += 50_000
    found = noise_ratio(image_of(noisy), flat, read_noise_e=READ_NOISE_E, composition=HELD_OUT)
    assert found.ratio == pytest.approx(np.sqrt((1.44 + 1 / N) / (1 + 1 / N)), abs=0.02)
    assert found.level == pytest.approx(normalise(images[N].data).level, rel=2e-3)


def test_masked_pixels_say_nothing():
    images = exposures(structured=False)
    flat = master(images[:N])
    mask = np.zeros(SHAPE, np.uint32)
    mask[:10] = Mask.BAD
    flat.data[20] = 0
    spoiled = images[N].data.copy()
    spoiled[:10] = 0
    spoiled[30] = np.nan
    frame = dataclasses.replace(images[N], data=spoiled, mask=mask)
    found = noise_ratio(frame, flat, read_noise_e=READ_NOISE_E, composition=HELD_OUT)
    assert found.count == SHAPE[0] * SHAPE[1] - 12 * SHAPE[1]
    part = Box(40, 60, 100, 200)
    cut = noise_ratio(frame.cut(part), flat.cut(part), read_noise_e=READ_NOISE_E, composition=HELD_OUT)
    assert cut.count == 2000


def test_what_is_wrong_is_named():
    frame, flat = image_of(np.full((4, 4), 100.0)), Reference(np.ones((4, 4)))
    good = {"read_noise_e": 5.0, "gain": 1.0, "composition": Composition(5, 0)}
    for message, changed_frame, changes in [
        ("flat: shape", frame.cut(Box(0, 2, 0, 2)), {}),
        ("read_noise_e", frame, {"read_noise_e": -1.0}),
        ("gain: 0", frame, {"gain": 0.0}),
        ("in electrons already", frame, {"gain": 2.0}),
        ("the reference is the frame itself", frame, {"composition": Composition(1, 0)}),
        ("at least 2 are needed", image_of(np.full((4, 4), np.nan)), {}),
        ("is it a flat", image_of(np.full((4, 4), -1.0)), {}),
    ]:
        with pytest.raises(ValueError, match=message):
            noise_ratio(changed_frame, flat, **{**good, **changes})


def test_a_frame_is_divided_by_its_clipped_mean():
    rng = np.random.default_rng(3)
    data = rng.normal(5000, 50, (60, 60))
    data[3, 3] = 1e6
    mask = np.zeros(data.shape, np.uint32)
    data[:2], mask[:2] = 9000, Mask.BAD
    found = normalise(data, mask, variance=np.full(data.shape, 2500.0))
    assert found.level == pytest.approx(5000, abs=4)
    np.testing.assert_allclose(found.data, data / found.level, rtol=1e-6)
    np.testing.assert_allclose(found.variance, 2500 / found.level**2, rtol=1e-6)
    assert found.level == clipped_level(data, mask)
    dimmed = np.where(mask == 0, data, 4990)
    assert clipped_level(dimmed) < clipped_level(dimmed, mask) == found.level
    with pytest.raises(ValueError, match="mask: shape"):
        clipped_level(data, mask[1:])
    assert found.amplifier_levels == {}
    assert normalise(data).variance is None


def test_each_amplifier_by_its_own_level():
    boxes = {"A": Box(0, 40, 0, 30), "B": Box(0, 40, 30, 60)}
    geometry = Geometry(
        (40, 60),
        (40, 60),
        tuple(
            Amplifier(name, box, box, False, False, None, None, 1.0, 1.0, None) for name, box in boxes.items()
        ),
    )
    data = np.hstack([np.full((40, 30), 100.0), np.full((40, 30), 300.0)])
    found = normalise(data, geometry=geometry)
    assert found.amplifier_levels == {"A": 100, "B": 300}
    assert found.level == 200
    assert (found.data == 1).all()
    data[:, :30] = 0
    with pytest.raises(ValueError, match=r"amplifier 'A': level 0\.0"):
        normalise(data, geometry=geometry)
    with pytest.raises(ValueError, match="mask: shape"):
        normalise(data, np.zeros((2, 2), np.uint32))
    with pytest.raises(ValueError, match="geometry: shape"):
        normalise(data[1:], geometry=geometry)
