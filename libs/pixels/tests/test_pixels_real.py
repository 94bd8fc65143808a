"""Real frames: products that others made, reproduced."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels import combine

DATA = Path(os.environ.get("CALIBRANT_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
SET = DATA / "st402"

pytestmark = [
    pytest.mark.real_frames,
    pytest.mark.skipif(not SET.is_dir(), reason="real frames of st402 not found; set CALIBRANT_REAL_DATA"),
]


def frames(pattern: str) -> list[np.ndarray]:
    return [fits.getdata(path) for path in sorted(SET.glob(pattern))]


def test_the_peers_master_dark_is_the_median_of_its_seven_darks():
    darks = frames("dark/*")
    assert len(darks) == 7
    (peer,) = frames("peer/master_dark*")
    np.testing.assert_array_equal(combine(darks, statistic="median").data, peer)


def test_the_peers_flat_is_the_median_of_dark_subtracted_flats_over_its_own_median():
    (dark,) = frames("peer/master_dark*")
    flats = [frame.astype(np.float32) - dark.astype(np.float32) for frame in frames("flat/*")]
    assert len(flats) == 5
    combined = combine(flats, statistic="median").data
    (peer,) = frames("peer/master_flat*")
    np.testing.assert_allclose(combined / np.median(combined), peer, rtol=3e-7)
