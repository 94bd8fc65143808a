"""Statistics without defects and with them, against plain NumPy."""

import numpy as np
import pytest

from calibrant.pixels import (
    Amplifier,
    Box,
    Geometry,
    Mask,
    Signature,
    Terms,
    clipped_statistics,
    defect_statistics,
)

NY, NX, NOISE = 200, 150, 4.0
LEFT, RIGHT = Box(0, NY, 0, 75), Box(0, NY, 75, NX)
GEOMETRY = Geometry(
    (NY, NX),
    (NY, NX),
    tuple(
        Amplifier(n, b, b, False, False, None, None, 1.0, NOISE, None) for n, b in (("L", LEFT), ("R", RIGHT))
    ),
)


def test_the_numbers_are_those_of_plain_numpy():
    rng = np.random.default_rng(1)
    frame = rng.normal(100, NOISE, (NY, NX)).astype(np.float32)
    mask = np.zeros((NY, NX), np.uint32)
    for y, x, bit, value in ((5, 7, Mask.HOT, 9000.0), (60, 20, Mask.DEAD, 1.0), (100, 100, Mask.BAD, 100.0)):
        frame[y, x], mask[y, x] = value, bit
    mask[3, 3] = Mask.EDGE
    frame[10, 10] = np.nan
    found = defect_statistics(frame, GEOMETRY, Signature(), Terms(), mask)
    for name, box in (("L", LEFT), ("R", RIGHT)):
        values = frame[box.slices].astype(float)
        good = values[(mask[box.slices] & (Mask.BAD | Mask.HOT | Mask.DEAD)) == 0]
        one = found[name]
        assert one.defects == np.isfinite(values).sum() - np.isfinite(good).sum()
        for region, plain in ((one.masked, good), (one.unmasked, values)):
            assert region.percentiles[0] == np.nanmin(plain)
            assert region.percentiles[-1] == np.nanmax(plain)
            assert region.noise == pytest.approx(clipped_statistics(plain).std)
        mean, noise = one.unmasked.clipped_mean, one.unmasked.noise
        z = (values[np.isfinite(values)] - mean) / noise
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        assert one.improbable == np.count_nonzero(density < 1 / z.size)
    assert (found["L"].defects, found["R"].defects) == (2, 1)
    assert found["L"].improbable >= 2


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="defects: shape"):
        defect_statistics(np.ones((NY, NX)), GEOMETRY, Signature(), Terms(), np.zeros((3, 3), np.uint32))
