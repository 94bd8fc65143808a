"""Real overscans: a CCD that transfers well, behind electronics that settle, has no inefficiency of either sign."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels import Amplifier, Box
from calibrant.pixels.charge_transfer import end_of_image, overscan_profile, trailing_charge

pytestmark = pytest.mark.real_frames

ROWS, IMAGING = 350, 1024


@pytest.fixture
def ends(real_data):
    """Give the end of an amplifier of Kast; both overscans are stored behind the image of the second, read from the right."""

    def of(number, *names):
        x, files = IMAGING * number, real_data / "kast-blue"
        image, overscan = (
            Box(0, 3 * ROWS, x, x + IMAGING),
            Box(0, 3 * ROWS, 2048 + 32 * number, 2080 + 32 * number),
        )
        turned = {"image_reversed": bool(number), "overscan_reversed": bool(number), "overscan_apart": True}
        amplifier = Amplifier("A", image, image, False, False, overscan, None, 1.0, 3.0, None, **turned)
        raw = np.concatenate([fits.getdata(next(files.rglob(f"{name}.fits*"))) for name in names])
        return end_of_image(raw, amplifier, "serial")

    return of


@pytest.mark.parametrize("number", [0, 1])
def test_the_settling_level_of_kast_is_no_charge(ends, number):
    biases = overscan_profile(ends(number, "b21", "b22", "b23"))
    for name in ("b11", "b12", "b13"):
        flat = ends(number, name)
        naive, found = trailing_charge(flat), trailing_charge(flat, baseline=biases)
        assert naive.cti < -4e-7
        assert naive.rises
        assert abs(found.cti) < 3 * found.cti_error
        assert found.cti_error < 3e-8
        assert not found.rises
