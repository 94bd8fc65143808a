"""Combination: values, variances, masks, and what must not change them."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import CosmicRays, Mask, Signature, combine

PLANES = ("data", "variance", "count", "mask")


def frames(seed: int, shape: tuple[int, int, int], dtype=np.float32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stack = rng.normal(1000, 8, shape)
    stack[rng.random(shape) < 0.05] += 400
    return stack.astype(dtype)


def masks_for(stack: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    masks = np.zeros(stack.shape, np.uint32)
    for bit in (Mask.SATURATED, Mask.SUSPECT, Mask.BAD):
        masks[rng.random(stack.shape) < 0.15] |= np.uint32(bit)
    return masks


def assert_same(one, other):
    for plane in PLANES:
        np.testing.assert_array_equal(getattr(one, plane), getattr(other, plane), err_msg=plane)


def slow(stack, masks, variances, statistic):
    """Mean or median of each pixel's unmasked samples, in plain Python."""
    n, ny, nx = stack.shape
    out = np.full((4, ny, nx), np.nan)
    for y, x in np.ndindex(ny, nx):
        used = [i for i in range(n) if not masks[i, y, x] & (Mask.BAD | Mask.SATURATED)]
        values = [float(stack[i, y, x]) for i in used]
        bits = 0
        for i in used or range(n):
            bits |= int(masks[i, y, x])
        out[2, y, x], out[3, y, x] = len(used), bits if used else bits | Mask.BAD | Mask.NO_DATA
        if not used:
            continue
        mean = sum(values) / len(values)
        out[0, y, x] = mean if statistic == "mean" else np.median(values)
        factor = np.pi / 2 if statistic == "median" and len(values) > 2 else 1
        if n < 5 or len(values) == 1:
            out[1, y, x] = factor * sum(float(variances[i, y, x]) for i in used) / len(used) ** 2
        else:
            scatter = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
            out[1, y, x] = factor * scatter / len(values)
    out[0][out[2] == 0] = np.median(out[0][out[2] > 0])
    return out


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("n", [1, 2, 4, 5, 8])
def test_against_the_slow_way(statistic, n):
    stack = frames(n, (n, 9, 13))
    masks, variances = masks_for(stack, n), frames(n + 1, (n, 9, 13))
    found = combine(
        stack, statistic=statistic, masks=masks, variances=variances, ignore=Mask.BAD | Mask.SATURATED
    )
    expected = slow(stack, masks, variances, statistic)
    np.testing.assert_array_equal(found.count, expected[2])
    np.testing.assert_array_equal(found.mask, expected[3])
    np.testing.assert_allclose(found.data, expected[0], rtol=2e-7)
    np.testing.assert_allclose(found.variance, expected[1], rtol=2e-6)
    assert [getattr(found, plane).dtype for plane in PLANES] == ["f4", "f4", "u4", "u4"]


@given(
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["clipped-mean", "median", "mean"]),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_frames_changes_nothing(n, seed, statistic, data):
    stack = frames(seed, (n, 5, 11))
    masks, variances = masks_for(stack, seed), frames(seed + 1, (n, 5, 11))
    masks[0, 0, 0] = 0
    order = data.draw(st.permutations(range(n)))
    one = combine(stack, statistic=statistic, masks=masks, variances=variances)
    other = combine(stack[order], statistic=statistic, masks=masks[order], variances=variances[order])
    assert_same(one, other)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([1, 500, 3000, 10**9]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_tile_size_changes_nothing(n, seed, tile_bytes, masked):
    stack = frames(seed, (n, 17, 3))
    masks = masks_for(stack, seed) if masked else None
    if masks is not None:
        masks[0, 0, 0] = 0
    options = {"masks": masks, "variances": stack, "spread": "mad", "sigma": 2.0, "iterations": None}
    assert_same(combine(stack, **options, tile_bytes=tile_bytes), combine(stack, **options))


def test_a_single_column_is_as_any_other():
    stack = frames(4, (20, 6, 40))
    whole = combine(stack)
    for column in range(40):
        part = combine(stack[:, :, column : column + 1], tile_bytes=1)
        np.testing.assert_array_equal(part.data[:, 0], whole.data[:, column])
        np.testing.assert_array_equal(part.variance[:, 0], whole.variance[:, column])


@pytest.mark.parametrize("kind", ["u2", "i2", "i4", "f4", "f8"])
def test_byte_order_and_container_change_nothing(kind):
    stack = frames(2, (6, 8, 9)).astype(kind)
    native = combine(stack)
    assert_same(native, combine([frame.astype(">" + kind) for frame in stack]))
    assert_same(native, combine([frame.astype("<" + kind) for frame in stack]))
    assert_same(native, combine(stack.astype("f8")))


class Stored:
    """Values as a file stores them: big-endian, unsigned ones less half their range."""

    def __init__(self, plane, zero=0):
        self.zero, self.shape, self.largest = zero, plane.shape, 0
        kind = plane.dtype if zero == 0 else f"{'i' if zero > 0 else 'u'}{plane.dtype.itemsize}"
        self.plane = (plane.astype("f8") - zero).astype(np.dtype(kind).newbyteorder(">"))
        self.dtype = self.plane.dtype

    def read_rows(self, first, last, into):
        assert (into.shape, into.dtype) == ((last - first, self.shape[1]), self.dtype)
        assert into.flags.c_contiguous
        self.largest = max(self.largest, last - first)
        into[...] = self.plane[first:last]


class Wrong(Stored):
    def __init__(self, plane):
        super().__init__(plane)
        self.zero = 5


def test_rows_may_come_from_anything():
    stack = frames(3, (5, 40, 10))
    sources = [Stored(plane) for plane in stack]
    assert_same(combine(sources, tile_bytes=6000), combine(stack))
    assert 0 < max(source.largest for source in sources) < 20


@pytest.mark.parametrize(("kind", "zero"), [("u2", 2**15), ("u4", 2**31), ("i1", -(2**7))])
def test_values_are_what_is_stored_plus_the_zero(kind, zero):
    limits = np.iinfo(kind)
    stack = np.random.default_rng(3).integers(limits.min, limits.max, (6, 7, 8), kind, endpoint=True)
    stack[:, 0, 0], stack[:, 0, 1] = limits.min, limits.max
    stored = [Stored(plane, zero) for plane in stack]
    assert_same(combine(stored), combine(stack))
    assert_same(combine([*stored[:3], *stack[3:]]), combine(stack))


@pytest.mark.parametrize("n", [6, 7])
def test_the_median_of_uint16_is_exact(n):
    stack = np.random.default_rng(n).integers(0, 2**16, (n, 30, 30), dtype=np.uint16)
    np.testing.assert_array_equal(
        combine(stack, statistic="median").data, np.median(stack.astype("f8"), axis=0)
    )


def test_wide_integers_keep_their_last_digit():
    stack = np.full((3, 2, 2), 2**24 + 1, dtype=np.int32)
    stack[0] += 2
    assert combine(stack, statistic="mean").data[0, 0] == np.float32(2**24 + 1 + 2 / 3)
    assert combine(stack - 2**24, statistic="median").data[0, 0] == 1


def test_a_constant_stack_stays_constant():
    stack = np.full((7, 3, 3), 0.1, dtype=np.float32)
    for center in ("mean", "median"):
        found = combine(stack, center=center)
        assert (found.count == 7).all()
        assert (found.data == np.float32(0.1)).all()


def test_variance_of_a_mean_and_of_a_median_are_what_repeats_show():
    rng = np.random.default_rng(11)
    n, sigma = 25, 6.0
    stack = rng.normal(500, sigma, (n, 200, 200)).astype(np.float32)
    mean, median = combine(stack, sigma=5.0), combine(stack, statistic="median")
    assert mean.variance.mean() == pytest.approx(sigma**2 / n, rel=0.01)
    assert mean.data.var() == pytest.approx(sigma**2 / n, rel=0.03)
    assert median.variance.mean() == pytest.approx(np.pi / 2 * sigma**2 / n, rel=0.01)
    assert median.data.var() == pytest.approx(np.pi / 2 * sigma**2 / n, rel=0.05)


def test_a_cosmic_ray_is_rejected_and_not_in_the_variance():
    stack = np.tile(np.arange(12, dtype=np.float32)[:, None, None] % 2, (1, 4, 4))
    stack[3, 2, 2] = 5000
    found = combine(stack)
    assert found.count[2, 2] == 11
    samples = np.delete(stack[:, 2, 2], 3).astype("f8")
    assert found.data[2, 2] == np.float32(samples.mean())
    assert found.variance[2, 2] == np.float32(samples.var(ddof=1) / 11)


def test_fewer_than_five_frames_use_the_input_variances():
    stack = frames(1, (4, 3, 3))
    variances = np.stack([np.full((3, 3), v) for v in (1.0, 2.0, 3.0, 4.0)])
    given_variance = combine(stack, statistic="mean", variances=variances)
    np.testing.assert_array_equal(given_variance.variance, np.full((3, 3), 10 / 16, np.float32))
    scatter = combine(stack, statistic="mean")
    np.testing.assert_allclose(scatter.variance, stack.astype("f8").var(axis=0, ddof=1) / 4, rtol=1e-6)
    assert np.isnan(combine(stack[:1]).variance).all()


def test_pixels_without_a_good_sample():
    stack = frames(6, (6, 5, 5))
    masks = np.zeros(stack.shape, np.uint32)
    masks[:, 1, 1] = Mask.SATURATED
    stack[:, 2, 2] = np.nan
    found = combine(stack, masks=masks)
    assert found.mask[1, 1] == Mask.BAD | Mask.NO_DATA | Mask.SATURATED
    assert found.mask[2, 2] == Mask.BAD | Mask.NO_DATA
    good = found.count > 0
    assert good.sum() == 23
    assert found.data[1, 1] == found.data[2, 2] == np.median(found.data[good])
    assert np.isnan(found.variance[~good]).all()
    assert not found.mask[good].any()


@pytest.mark.parametrize("backend", ["cpu", "numpy"])
def test_samples_beyond_float32_are_none_and_a_variance_beyond_it_is_infinite(backend):
    stack = np.tile(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])[:, None, None], (1, 2, 3))
    stack[0, 0, 0], stack[1, 0, 1] = 1e200, -3.5e38
    stack[:, 1] *= 1e25
    stack[:, 1, 2] = [1e300, -1e300, 1e39, 1e99, -1e99, 1e40]
    found = combine(stack, backend=backend)
    assert found.count.tolist() == [[5, 5, 6], [6, 6, 0]]
    np.testing.assert_allclose(found.data[0], [4.0, 3.8, 3.5], rtol=1e-6)
    np.testing.assert_allclose(found.data[1, :2], 3.5e25, rtol=1e-6)
    assert np.isinf(found.variance[1, :2]).all()
    assert found.mask[1, 2] == Mask.BAD | Mask.NO_DATA


def test_the_median_of_others_is_what_they_are_though_their_sum_is_not():
    stack = np.full((3, 2, 2), 3e38, "f4")
    stack[:, 0] = np.nan
    assert (combine(stack).data == np.float32(3e38)).all()


def test_bits_that_are_not_ignored_are_kept():
    stack = np.tile(np.arange(6, dtype=np.float32)[:, None, None], (1, 4, 4))
    stack[0] = 10**6
    masks = np.zeros(stack.shape, np.uint32)
    masks[1] = Mask.SUSPECT
    masks[0] = Mask.INTERPOLATED
    found = combine(stack, masks=masks, sigma=2.0)
    assert (found.mask & Mask.SUSPECT).astype(bool).all()
    assert not (found.mask & Mask.INTERPOLATED).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: combine([]), "stack: empty"),
        (lambda s: combine([s[0], s[1][:2]]), r"stack\[1\]: shape"),
        (lambda s: combine(s[0]), r"stack\[0\]: shape \(4,\), must be a 2-D array"),
        (lambda s: combine(s[None]), r"stack\[0\]: shape \(3, 3, 4\), must be a 2-D array"),
        (lambda s: combine(s.astype(complex)), "type complex"),
        (lambda s: combine(None), "stack: None, must be planes"),
        (lambda s: combine(np.float32(7)), "must be planes"),
        (lambda s: combine(s.tolist()), r"stack\[0\]: of type list, must be a 2-D array or a row source"),
        (lambda s: combine([s[0], None]), r"stack\[1\]: of type NoneType"),
        (
            lambda s: combine(np.ma.masked_less(s, 1000)),
            r"stack\[0\]: a masked array; give its \.data",
        ),
        (lambda s: combine([s[0], np.ma.array(s[1])]), r"stack\[1\]: a masked array"),
        (
            lambda s: combine([s[0], s[1].astype("f8")]),
            r"stack\[1\]: values of type float64, but stack\[0\] has f",
        ),
        (lambda s: combine([Stored(s[0], 0), Wrong(s[1])]), r"zero: 5 with stored numbers of type >f4"),
        (lambda s: combine(s, variances=s[:2]), "variances: 2 planes"),
        (
            lambda s: combine(s, masks=s),
            r"masks\[0\]: type float32 cannot be used here; give booleans or integers",
        ),
        (lambda s: combine(s, out=s[0]), "out: of type ndarray"),
        (lambda s: Signature(barriers={"cosmic rays": CosmicRays()}), "'cosmic rays', must be a Step"),
        (lambda s: combine(s, statistic="mode"), "statistic: 'mode'"),
        (lambda s: combine(s, sigma=-1), "sigma_low"),
        (lambda s: combine(s * np.nan), "none of the 3 x 4 pixels.*are finite"),
        (lambda s: combine(s[:, :0]), "have no pixel"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(frames(0, (3, 3, 4)))


def test_memory_is_bounded_whatever_the_number_of_frames():
    plane = frames(9, (1, 512, 512), np.uint16)[0]
    masks, tile = np.zeros(plane.shape, np.uint32), 2**20
    peaks = []
    for n in (10, 40):
        tracemalloc.start()
        combine([plane] * n, masks=[masks] * n, spread="mad", tile_bytes=tile)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    result = 16 * plane.size
    assert max(peaks) < result + 2 * tile + 2 * plane.size
