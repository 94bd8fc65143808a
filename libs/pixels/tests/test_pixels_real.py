"""Real frames: products that others made, reproduced."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels import combine

pytestmark = pytest.mark.real_frames


@pytest.fixture
def frames(real_data):
    return lambda pattern: [fits.getdata(path) for path in sorted((real_data / "st402").glob(pattern))]


def test_the_peers_master_dark_is_the_median_of_its_seven_darks(frames):
    darks = frames("dark/*")
    assert len(darks) == 7
    (peer,) = frames("peer/master_dark*")
    np.testing.assert_array_equal(combine(darks, statistic="median").data, peer)


def test_the_peers_flat_is_the_median_of_dark_subtracted_flats_over_its_own_median(frames):
    (dark,) = frames("peer/master_dark*")
    flats = [frame.astype(np.float32) - dark.astype(np.float32) for frame in frames("flat/*")]
    assert len(flats) == 5
    combined = combine(flats, statistic="median").data
    (peer,) = frames("peer/master_flat*")
    np.testing.assert_allclose(combined / np.median(combined), peer, rtol=3e-7)
