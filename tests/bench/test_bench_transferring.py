"""What the photon transfer bench compares gives the same numbers."""

import numpy as np
import pytest
from plain_covariances import plain_covariances

from calibrant.pixels.photon_transfer import PairSettings, measure_difference


def test_plain_covariances_are_ours():
    rng = np.random.default_rng(1)
    first, second = (rng.normal(level, 80, (80, 90)).astype(np.float32) for level in (6000, 6100))
    mask = (rng.random(first.shape) < 0.02).astype(np.uint32)
    first[5, 5] += 9000
    ours = measure_difference(first, second, mask, PairSettings(lags=3, least_pixels=100))
    assert plain_covariances(first, second, mask, 3) == pytest.approx(ours.covariances, rel=1e-3, abs=3)
