"""Sums of products of an image with itself, shifted: against plain sums, on the processor as on a GPU."""

import numpy as np
import pytest

from calibrant.pixels.fast_lengths import fast_length
from calibrant.pixels.photon_transfer.correlating import lag_sums, pair_counts


def directly(image, lags):
    """Sum products shift by shift, as the definition says."""
    rows, columns = image.shape
    sums = np.zeros((lags + 1, lags + 1))
    for j in range(lags + 1):
        for i in range(lags + 1):
            right = (image[: rows - j, : columns - i] * image[j:, i:]).sum()
            left = (image[: rows - j, i:] * image[j:, : columns - i]).sum()
            sums[j, i] = (right + left) / 2
    return sums


@pytest.mark.parametrize("shape", [(23, 31), (40, 17)])
def test_all_lags_are_those_of_products_shift_by_shift(shape):
    rng = np.random.default_rng(1)
    image, good = rng.normal(0, 3, shape), rng.random(shape) > 0.2
    image[~good] = 0
    np.testing.assert_allclose(lag_sums(image, 5), directly(image, 5), rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(pair_counts(good, 5), directly(good.astype(float), 5))
    np.testing.assert_array_equal(
        pair_counts(np.ones(shape, bool), 5), directly(np.ones(shape), 5), "no mask, no transform"
    )


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_gpu_sums_the_same_products(kind):
    """Of more rows than are transformed at once, some pixels left out; float32 to what it tells."""
    rng = np.random.default_rng(3)
    image, good = rng.normal(0, 30, (300, 210)).astype(kind), rng.random((300, 210)) > 0.1
    image[~good] = 0
    tolerance = float(np.finfo(kind).eps) * 100 * float((image**2).sum())
    np.testing.assert_allclose(lag_sums(image, 10, "cupy"), lag_sums(image, 10), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(pair_counts(good, 10, "cupy"), pair_counts(good, 10))


def test_lengths_are_quick_to_transform():
    assert [fast_length(least) for least in (1, 7, 522, 2058, 4106)] == [2, 8, 540, 2160, 4320]
