"""Real overscans: a CCD that transfers well, behind electronics that settle, has no inefficiency of either sign."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels.charge_transfer import End, overscan_profile, trailing_charge

pytestmark = pytest.mark.real_frames

IMAGING = 1024


@pytest.fixture
def ends(real_data):
    """Give the end of the first amplifier of Kast, whose overscan is stored behind the image of the second."""

    def of(*names):
        paths = [next((real_data / "kast-blue").rglob(f"{name}.fits*")) for name in names]
        raw = np.concatenate([fits.getdata(path).astype(float) for path in paths])
        return End(raw[:, IMAGING - 10 : IMAGING], raw[:, 2048:2080], IMAGING)

    return of


def test_the_settling_level_of_kast_is_no_charge(ends):
    biases = overscan_profile(ends("b21", "b22", "b23"))
    for flat in map(ends, ("b11", "b12", "b13")):
        naive, found = trailing_charge(flat), trailing_charge(flat, baseline=biases)
        assert naive.cti < -4e-7
        assert naive.rises
        assert abs(found.cti) < 3 * found.cti_error
        assert found.cti_error < 3e-8
        assert not found.rises
