"""Real frames of four cameras: raw in, combined out, and pixels followed by hand agree."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels import (
    Amplifier,
    Box,
    CosmicRays,
    Geometry,
    Mask,
    Overscan,
    Reference,
    Signature,
    Step,
    Terms,
    amplifier_statistics,
    combine,
    combine_raw,
    correct_frame,
    frame_statistics,
)
from oracle import Options, combine_pixel
from oracle_stages import follow

pytestmark = pytest.mark.real_frames


def amplifier(name, image, serial, gain, noise):
    placed = Box(0, image.shape[0], image.x0, image.x1)
    return Amplifier(name, image, placed, False, False, serial, None, gain, noise, 62000.0)


def one(shape, serial, gain, noise):
    return Geometry(shape, shape, (amplifier("A", Box(0, shape[0], 0, shape[1]), serial, gain, noise),))


KAST = Geometry(
    (350, 2112),
    (350, 2048),
    (
        amplifier("A1", Box(0, 350, 0, 1024), Box(0, 350, 2048, 2080), 1.19, 3.4),
        amplifier("A2", Box(0, 350, 1024, 2048), Box(0, 350, 2080, 2112), 1.24, 3.35),
    ),
)
AFOSC = Geometry(
    (119, 521),
    (119, 511),
    (
        dataclasses.replace(
            amplifier("A", Box(0, 119, 5, 516), Box(0, 119, 0, 4), 1.694, 6.62), placed=Box(0, 119, 0, 511)
        ),
    ),
)
SETS = {
    "afosc-ccd42-40": (AFOSC, "bias/*", "flat/*", Overscan("median")),
    "kast-blue": (KAST, "raw/b2[123]*", "raw/b1[123]*", Overscan("median-per-row", leading_skip=2)),
    "newton-du940p": (one((100, 2048), None, 0.977, 2.9), "bias/*", "flat/*", Overscan("median")),
    "st402": (one((510, 765), None, 1.44, 11.6), "dark/*", "flat/*", Overscan("none")),
}


@pytest.mark.parametrize("backend", ["auto", "numpy"])
@pytest.mark.parametrize("camera", SETS)
def test_a_flat_of_raw_frames_is_that_of_pixels_followed_by_hand(real_data, camera, backend):
    geometry, dark, light, overscan = SETS[camera]
    master = combined(
        frames(real_data / camera, dark), geometry, Signature(overscan, photon_noise=False), backend=backend
    )
    reference = Reference(master.data, master.variance, master.mask)
    signature = Signature(overscan, bias=reference)
    raws = frames(real_data / camera, light)[:12]
    terms = [Terms(scale=1.0 + index) for index in range(len(raws))]
    flat = combined(raws, geometry, signature, terms, backend=backend)
    rng = np.random.default_rng(1)
    places = list(zip(*(rng.integers(0, extent, 150) for extent in geometry.shape), strict=True))
    for y, x in places:
        samples = [
            follow((raw, geometry, signature, one), y, x) for raw, one in zip(raws, terms, strict=True)
        ]
        data, variances, masks = (list(column) for column in zip(*samples, strict=True))
        pixel = combine_pixel(
            [float(one) for one in data], Options(), masks, [float(one) for one in variances]
        )
        assert (flat.count[y, x], flat.mask[y, x]) == (pixel.count, pixel.mask)
        if pixel.count:
            assert flat.data[y, x] == pytest.approx(pixel.data, rel=1e-7)
            assert flat.variance[y, x] == pytest.approx(pixel.variance, rel=2e-7)


def test_an_exposure_of_twenty_minutes_has_cosmic_rays_and_biases_and_flats_have_none(real_data):
    signature = Signature(Overscan("median-per-row"), barriers={Step.COSMIC_RAYS: CosmicRays()})
    marked = {}
    for pattern in ("b21*", "b22*", "b11*", "b27*"):
        (raw,) = frames(real_data / "kast-blue/raw", pattern)
        image = correct_frame(raw, KAST, signature)
        marked[pattern] = (image.mask & Mask.COSMIC_RAY) != 0
    assert [np.count_nonzero(marked[pattern]) for pattern in ("b21*", "b22*", "b11*")] == [0, 0, 0]
    assert 0.0005 < marked["b27*"].mean() < 0.005
    sky = np.where(marked["b27*"], np.nan, image.data)
    assert np.nanmax(sky) < 0.2 * image.data.max()


@pytest.mark.parametrize("camera", SETS)
def test_statistics_by_rows_are_those_of_the_image(real_data, camera):
    geometry, _, light, overscan = SETS[camera]
    raw, signature = frames(real_data / camera, light)[0], Signature(overscan)
    image = correct_frame(raw, geometry, signature)
    found = frame_statistics(raw, geometry, signature)
    assert found.amplifiers == amplifier_statistics(image, geometry)
    for one in geometry.amplifiers:
        plain = image.data[one.placed.slices][image.mask[one.placed.slices] == 0].astype(float)
        assert found.amplifiers[one.name].median == np.median(plain)
        assert found.amplifiers[one.name].std == pytest.approx(plain.std(ddof=1), rel=1e-12)


def combined(raws, geometry, signature, terms=None, **options):
    """Combine in one pass; it has to be what frames corrected one by one combine to."""
    found = combine_raw(raws, geometry, signature, terms, **options).combined
    terms = terms or [Terms()] * len(raws)
    images = [correct_frame(raw, geometry, signature, one) for raw, one in zip(raws, terms, strict=True)]
    planes = zip(*((image.data, image.variance, image.mask) for image in images), strict=True)
    data, variances, masks = planes
    expected = combine(data, variances=variances, masks=masks, **options)
    for plane in ("data", "variance", "count", "mask"):
        np.testing.assert_array_equal(getattr(found, plane), getattr(expected, plane), err_msg=plane)
    return found


def frames(folder, pattern):
    return [np.squeeze(fits.getdata(path)) for path in sorted(folder.glob(pattern))]
