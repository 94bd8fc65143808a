"""The backend for GPUs against the oracle and the others, on a device in memory and, where there is one, on a real one.

The device in memory runs the very source that a GPU runs, all its threads, compiled by the C compiler.
"""

import functools
import logging
import sys
import threading
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_pixels_fused import situations
from test_pixels_gpu_compiled import KNOWN

from calibrant.pixels import Combined, Terms, combine, combine_raw, page_locked, why_not
from calibrant.pixels.backends import BackendMissingError, cupy
from calibrant.pixels.backends.cargo import ALIGNMENT
from calibrant.pixels.backends.specialised import GROUP, PIXELS
from calibrant.pixels.backends.streams import LINES, STRAIGHT_LINES, TILES
from calibrant.pixels.choosing import _fastest, choose
from calibrant.pixels.plan import PLANES
from combination_contract import assert_does_as_by_hand, assert_same, combinations
from device_in_memory import DeviceInMemory, division

PATIENCE_S = 60
ANY_EXAMPLE = [HealthCheck.function_scoped_fixture]  # one device may serve all of them
on_a_gpu = functools.partial(combine, backend="cupy")


@pytest.fixture(
    params=[
        pytest.param("in memory", marks=pytest.mark.compiler),
        pytest.param("real", marks=pytest.mark.gpu),
    ],
)
def device(request, monkeypatch):
    if request.param == "in memory":
        in_memory(monkeypatch)


def in_memory(monkeypatch, **told):
    device = DeviceInMemory(**told)
    monkeypatch.setattr(cupy, "open_device", lambda: device)
    return device


def noise(n=11, rows=24, columns=40, kind="u2"):
    rng = np.random.default_rng(n)
    stack = rng.normal(500, 8, (n, rows, columns))
    stack[rng.random(stack.shape) < 0.05] += 100
    return stack.astype(kind)


@given(combinations())
@settings(max_examples=40, deadline=None, suppress_health_check=ANY_EXAMPLE)
def test_a_gpu_does_what_the_oracle_does(device, combination):
    assert_does_as_by_hand(on_a_gpu, *combination)


@given(
    situations(), st.sampled_from(["clipped-mean", "median", "weighted-mean"]), st.sampled_from([1, 10**7])
)
@settings(max_examples=20, deadline=None, suppress_health_check=ANY_EXAMPLE)
def test_raw_frames_are_corrected_there_as_elsewhere(device, situation, statistic, tile_bytes):
    frames, geometry, signature = situation
    terms = [
        Terms(10.0 + index, scale=(1.0 + index, 2.0), weight=1.0 + index) for index in range(len(frames))
    ]
    asked = {"statistic": statistic, "tile_bytes": tile_bytes}
    found = combine_raw(frames, geometry, signature, terms, backend="cupy", **asked)
    expected = combine_raw(frames, geometry, signature, terms, backend="numpy", **asked)
    assert_same(found.combined, expected.combined)


@pytest.mark.parametrize("kind", ["u2", "f4", "f8"])
@pytest.mark.parametrize("n", [2, 32, 33, 300])
def test_as_many_frames_as_registers_hold_and_more(device, n, kind):
    stack = noise(n, 5, 60, kind)
    assert_same(on_a_gpu(stack, iterations=None), combine(stack, backend="cpu", iterations=None))


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_bands_of_several_groups_and_part_of_one(device, kind):
    stack = noise(11, 24, 701, kind)  # 3 rows of them in a band
    assert 2 * GROUP * PIXELS < 3 * 701
    assert_same(on_a_gpu(stack, threads=2), combine(stack, backend="cpu"))


@given(st.sampled_from(["std", "mad"]), st.permutations(range(11)))
@settings(max_examples=5, deadline=None, suppress_health_check=ANY_EXAMPLE)
def test_order_streams_and_bands_change_nothing(device, spread, order):
    stack = noise()
    masks = (stack % 9 == 3).astype("u4")
    asked = {"spread": spread, "sigma": 2.0}
    once = on_a_gpu(stack, masks=masks, variances=stack, threads=1, **asked)
    again = on_a_gpu(
        stack[order], masks=masks[order], variances=stack[order], threads=4, tile_bytes=1, **asked
    )
    assert_same(once, again)


def test_frames_of_both_byte_orders_in_one_stack(device):
    stack = noise()
    mixed = [plane.astype(">u2") if index % 2 else plane for index, plane in enumerate(stack)]
    assert_same(on_a_gpu(mixed), combine(stack, backend="cpu"))


def test_page_locked_frames_and_planes_give_the_same(device):
    stack, masks = page_locked((11, 60, 40), "u2"), np.zeros((11, 60, 40), "u4")
    stack[...] = noise(rows=60)
    masks[2:5, 7:9] = 1
    for asked in ({}, {"masks": masks}, {"masks": masks, "variances": stack.astype("f4")}):
        out = Combined(**{name: page_locked((60, 40), kind) for name, kind in PLANES.items()})
        found = on_a_gpu(stack, out=out, threads=3, tile_bytes=2**13, **asked)
        assert found.data is out.data
        assert_same(found, combine(np.array(stack), backend="cpu", **asked))


@pytest.mark.parametrize(
    ("shape", "kind", "said"), [((5, 3), object, "dtype: object"), ((-5, 3), "f4", r"shape: \(-5, 3\)")]
)
def test_page_locked_arrays_are_of_numbers(shape, kind, said):
    with pytest.raises(ValueError, match=said):
        page_locked(shape, kind)


@pytest.mark.compiler
def test_page_locked_frames_and_planes_are_copied_from_and_to_where_they_are(monkeypatch):
    device = in_memory(monkeypatch)
    stack = page_locked((11, 60, 40), "u2")
    stack[...] = noise(rows=60)
    out = Combined(**{name: page_locked((60, 40), kind) for name, kind in PLANES.items()})
    before = len(device.locked)
    on_a_gpu(stack, out=out, threads=2)
    assert sum(last - first for first, last in device.locked[before:]) < stack.nbytes / 2


def test_variances_of_lone_samples_are_propagated_among_many_frames(device):
    stack = noise()
    masks = np.zeros(stack.shape, "u4")
    masks[1:, 3:5] = 1
    asked = {"masks": masks, "variances": stack.astype("f4")}
    assert_same(on_a_gpu(stack, **asked), combine(stack, backend="cpu", **asked))


def test_an_error_of_a_source_ends_the_combination(device):
    class Truncated:
        shape, dtype, zero = (400, 10), np.dtype(">i2"), 0

        def read_rows(self, first, last, into):
            if last > 200:
                raise OSError("frame.fits ends at row 200")
            into[...] = 1

    with pytest.raises(OSError, match="ends at row 200"):
        on_a_gpu([Truncated()] * 3, tile_bytes=1)


@pytest.mark.compiler
def test_frames_that_are_copied_from_where_they_are_have_as_many_streams_as_others_where_masks_go_along(
    monkeypatch,
):
    device = in_memory(monkeypatch)
    stack = page_locked((11, 60, 40), "u2")
    stack[...] = noise(rows=60)
    opened = MagicMock(side_effect=device.stream)
    monkeypatch.setattr(device, "stream", opened)
    on_a_gpu(stack, threads=6)
    alone = opened.call_count
    on_a_gpu(stack, threads=6, masks=np.zeros(stack.shape, "u4"))
    assert (alone, opened.call_count - alone) == (STRAIGHT_LINES, LINES)


def test_rows_further_apart_than_cuda_copies_at_once_are_copied_one_by_one():
    library = MagicMock()
    stream, copy = cupy.CupyStream(library), library.cuda.runtime.memcpyAsync
    near = np.zeros((3, 16), np.uint8)
    stream.upload(near[:, :8], 4096, 256)
    assert not copy.called
    assert library.cuda.runtime.memcpy2DAsync.call_args.args[:6] == (4096, 256, near.ctypes.data, 16, 8, 3)
    far = np.lib.stride_tricks.as_strided(near, (3, 8), (2**31, 1))
    stream.upload(far, 4096, 256)
    assert library.cuda.runtime.memcpy2DAsync.call_count == 1
    first = near.ctypes.data
    assert [call.args[:3] for call in copy.call_args_list] == [
        (4096, first, 8),
        (4096 + 256, first + 2**31, 8),
        (4096 + 512, first + 2**32, 8),
    ]


def test_page_locked_arrays_are_not_of_a_pool_that_keeps_their_memory(monkeypatch):
    library = MagicMock()
    library.cuda.PinnedMemoryPointer.return_value = bytearray(24)
    monkeypatch.setattr(cupy, "open_device", lambda: cupy.CupyDevice(library))
    assert page_locked((2, 3), "u4").shape == (2, 3)
    assert library.cuda.PinnedMemory.call_args.args[0] == 24
    assert not library.cuda.alloc_pinned_memory.called


@pytest.mark.compiler
def test_divisions_by_numbers_of_frames_are_rounded_as_any():
    # A quotient by a whole number d is 1 / (2 d) of its last place or more from the middle between two numbers, which is
    # further than what is rounded on the way: so every one comes out right, whatever the error of the first product.
    divide = division(KNOWN)
    random = np.random.default_rng(3)
    some = random.normal(0, 1, 20_000) * 2.0 ** random.integers(0, 52, 20_000)
    for n in (1, *range(2, 33), 299, 4099):
        for divisor in {n, n * (n - 1)} - {0}:
            near = np.nextafter(some * divisor, random.choice([-np.inf, np.inf], some.size))
            dividends = np.concatenate([some, np.rint(some), some * divisor, near, [0.0]])
            quotients = np.empty_like(dividends)
            divide(dividends, float(divisor), quotients)
            np.testing.assert_array_equal(quotients, dividends / divisor)


@pytest.mark.compiler
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_are_read_while_others_are_on_the_device(monkeypatch, threads):
    reading_the_second, launched = threading.Event(), threading.Event()

    def before(name):
        if name == "launch":
            launched.set()
            assert reading_the_second.wait(PATIENCE_S), "nothing is read while a band is on the device"

    class Rows:
        shape, dtype, zero = (8, 10), np.dtype("u2"), 0

        def read_rows(self, first, last, into):
            if first:
                assert launched.wait(PATIENCE_S), "nothing is on the device while rows are read"
                reading_the_second.set()
            into[...] = np.arange(first, last)[:, None]

    in_memory(monkeypatch, before=before)
    combined = on_a_gpu([Rows()] * 3, tile_bytes=1, threads=threads)
    np.testing.assert_array_equal(combined.data, np.arange(8.0)[:, None] * np.ones(10))


@pytest.mark.compiler
@pytest.mark.parametrize("n", [3, 40])
def test_device_memory_is_that_of_the_bands_however_many_frames(monkeypatch, n):
    device = in_memory(monkeypatch)
    on_a_gpu(noise(n, 200, 100), threads=4, tile_bytes=2**13)
    assert 0 < device.most <= LINES * (TILES * 2**13 + n * ALIGNMENT)
    assert device.taken == 0


@pytest.mark.compiler
@pytest.mark.parametrize("memory", [np.empty, page_locked])
def test_where_there_is_no_room_bands_are_smaller(monkeypatch, memory):
    wanted = combine(noise(rows=64), backend="cpu")

    def run(**told):
        device = in_memory(monkeypatch, **told)
        stack = memory((11, 64, 40), "u2")
        stack[...] = noise(rows=64)
        return device, on_a_gpu(stack)

    asked, _ = run()
    tight, found = run(room=asked.most // 3)
    assert_same(found, wanted)
    assert 0 < tight.most <= tight.room


@pytest.mark.compiler
def test_where_there_is_no_room_at_all_the_processor_combines_and_says_so(monkeypatch, caplog):
    stack = noise()
    in_memory(monkeypatch, room=100)
    with caplog.at_level(logging.WARNING):
        found = on_a_gpu(stack)
    assert_same(found, combine(stack, backend="cpu"))
    assert found.backend == "cpu"
    assert "combining with the cpu backend, not cupy: no room for" in caplog.text


def test_without_cupy_auto_goes_on_in_silence_and_the_reason_can_be_asked_for(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cupy", None)
    for cached in (cupy.open_device, _fastest):
        cached.cache_clear()
    try:
        assert choose("auto")[0] == "cpu"
        assert not caplog.text
        assert "CuPy cannot be imported" in why_not("cupy")
        assert "calibrant-pixels[gpu]" in why_not("cupy")
        assert not why_not("numpy")
        with pytest.raises(BackendMissingError, match="CuPy cannot be imported"):
            on_a_gpu(noise())
    finally:
        for cached in (cupy.open_device, _fastest):
            cached.cache_clear()
