"""How the compiled kernel goes through rows: in bands that are worth their calls, none of them twice without need."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Box, Geometry, Overscan, Signature, Step, combine, combine_raw
from combination_contract import assert_same

ROWS = 640


class Rows:
    """Rows of noise, which remembers what it was asked for."""

    zero = 0

    def __init__(self, seed, dtype="f4"):
        self.stored = np.random.default_rng(seed).normal(1000, 5, (ROWS, 9)).astype(dtype)
        self.shape, self.dtype, self.asked = self.stored.shape, self.stored.dtype, []

    def read_rows(self, first, last, into):
        self.asked.append((first, last))
        into[...] = self.stored[first:last]


def test_bands_of_many_frames_are_not_so_low_that_calls_take_longer_than_pixels():
    frames = [Rows(seed) for seed in range(50)]
    combine(frames, backend="cpu", threads=2, tile_bytes=1)
    assert {last - first for first, last in frames[0].asked} == {16}


def test_rows_are_done_again_only_where_a_pixel_is_of_one_sample():
    frames, masks = [Rows(seed) for seed in range(6)], np.zeros((6, ROWS, 9), "u4")
    masks[1:, [70, 71, 75, 639], 4] = 1
    variances = np.full((6, ROWS, 9), 7.0)
    found = combine(frames, masks=masks, variances=variances, backend="cpu", threads=1)
    again = frames[0].asked[:]
    for first in range(0, ROWS, 160):
        again.remove((first, first + 160))
    assert again == [(70, 72), (75, 76), (639, 640)]
    assert (found.variance[found.count == 1] == 7).all()
    assert (found.count == 1).sum() == 4
    whole = combine([one.stored for one in frames], masks=masks, variances=variances, backend="numpy")
    assert_same(found, whole)


@pytest.mark.parametrize("spread", ["std", "mad"])
def test_what_another_combination_left_in_the_memory_of_a_thread_changes_nothing(spread):
    rng = np.random.default_rng(5)

    def combined(n):
        stack = np.full((n, 3, 70), 100.0, "f4")
        stack[:, rng.random((3, 70)) < 0.5] += 1e30
        stack[rng.random(stack.shape) < 0.1] = np.nan
        asked = {"masks": (stack > 1e20).astype("u4") * 2, "variances": abs(stack), "spread": spread}
        return [combine(stack, **asked, threads=1, backend=one) for one in ("cpu", "numpy")]

    with ThreadPoolExecutor(1) as thread:
        for n in (40, 7, 90, 3):
            assert_same(*thread.submit(combined, n).result())


@pytest.mark.parametrize("backend", ["cpu", "numpy"])
def test_a_quotient_too_small_for_its_type_is_not_a_negative_zero(backend):
    found = combine(np.full((3, 4, 5), -1e-45, "f4"), statistic="median", scales=[4, 4, 4], backend=backend)
    assert not np.signbit(found.data).any()


@pytest.mark.parametrize("backend", ["cpu", "numpy"])
def test_a_barrier_corrects_no_more_rows_beside_the_bands_than_in_them(backend):
    class Look:
        """Changes nothing, with regard to twenty rows."""

        reach, heights = 20, []

        def apply(self, band, geometry):
            self.heights.append(len(band.data))

    whole = Box(0, ROWS, 0, 9)
    amplifier = Amplifier(
        "A",
        whole,
        whole,
        flip_x=False,
        flip_y=False,
        serial_overscan=None,
        parallel_overscan=None,
        gain_e_per_adu=1.0,
        read_noise_e=1.0,
        saturation_adu=None,
    )
    geometry = Geometry((ROWS, 9), (ROWS, 9), (amplifier,))
    frames, barrier = [Rows(seed, "u2") for seed in range(6)], Look()
    signature = Signature(overscan=Overscan("none"), barriers={Step.COSMIC_RAYS: barrier})
    combine_raw(frames, geometry, signature, backend=backend, threads=1, tile_bytes=1)
    assert sum(barrier.heights) <= 2 * ROWS * len(frames)
