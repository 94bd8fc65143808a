"""The backends against the oracle, and so each other: every one of them gives the same bits."""

import functools
import itertools

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle
from calibrant.pixels import combine
from calibrant.pixels.backends import BackendMissingError, library
from calibrant.pixels.choosing import _fastest, choose
from combination_contract import assert_does_as_by_hand, assert_same, by_hand, combinations

BACKENDS = ("numpy", "cpu")


@given(combinations())
@settings(max_examples=150, deadline=None)
def test_backends_do_what_the_oracle_does(combination):
    for backend in BACKENDS:
        assert_does_as_by_hand(functools.partial(combine, backend=backend), *combination)


@pytest.mark.parametrize("n", [32, 33, 41, 48, 49, 64, 65, 112, 200, 300])
@pytest.mark.parametrize("kind", ["u2", "i2", "f4"])
@pytest.mark.parametrize("spread", ["std", "mad"])
def test_many_frames(n, kind, spread):
    """Blocks of samples are sorted and merged; columns of short integers are clipped where they are."""
    rng = np.random.default_rng(n)
    stack = rng.normal(100, 5, (n, 1, 70))
    stack[rng.random(stack.shape) < 0.02] += 3000
    stack[:, :, 0] = 7
    for rule in (
        {"iterations": None},
        {"iterations": 2, "sigma_low": 1.0, "sigma_high": 2.0, "center": "mean"},
        {"iterations": None, "sigma_low": 0.3, "sigma_high": 0.3, "clip": "cumulative"},
    ):
        asked = {**rule, "spread": spread}
        wanted = by_hand(stack.astype(kind), oracle.Options(**asked))
        for backend in BACKENDS:
            assert_same(combine(stack.astype(kind), backend=backend, **asked), wanted)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_frame_is_not_asked_more_often_because_there_are_others(backend):
    asked = []

    class Rows:
        shape, zero = (40, 10), 0

        @property
        def dtype(self):
            asked.append(self)
            return np.dtype("u2")

        def read_rows(self, first, last, into):
            into[...] = first

    counts = []
    for n in (20, 80):
        asked.clear()
        combine([Rows() for _ in range(n)], backend=backend, tile_bytes=1, threads=1)
        counts.append(len(asked) / n)
    assert counts[1] <= counts[0]


@pytest.mark.parametrize("backend", BACKENDS)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["std", "mad"]), st.data())
@settings(max_examples=30, deadline=None)
def test_order_threads_and_tiles_change_nothing(backend, seed, spread, data):
    rng = np.random.default_rng(seed)
    stack = rng.normal(500, 8, (11, 23, 40)).astype("f4")
    stack[rng.random(stack.shape) < 0.1] += 100
    masks = (rng.random(stack.shape) < 0.1).astype("u4") * 2
    order = data.draw(st.permutations(range(11)))
    asked = {"spread": spread, "backend": backend, "sigma": 2.0}
    once = combine(stack, masks=masks, variances=stack, threads=1, **asked)
    again = combine(
        stack[order], masks=masks[order], variances=stack[order], threads=3, tile_bytes=1, **asked
    )
    assert_same(once, again)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("center", "spread"), list(itertools.product(["median", "mean"], ["std", "mad"])))
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_the_default_clip_is_astropys(backend, center, spread, kind):
    rng = np.random.default_rng(8)
    stack = rng.normal(1000, 5, (15, 60, 70)).astype(kind)
    stack[rng.random(stack.shape) < 0.05] += 200
    clipped = sigma_clip(
        stack.astype("f8"),
        sigma_lower=2.2,
        sigma_upper=2.6,
        maxiters=3,
        cenfunc=center,
        stdfunc={"std": "std", "mad": "mad_std"}[spread],
        axis=0,
    )
    found = combine(stack, center=center, spread=spread, sigma_low=2.2, sigma_high=2.6, backend=backend)
    np.testing.assert_array_equal(found.count, clipped.count(axis=0))
    np.testing.assert_allclose(found.data, clipped.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_of_any_layout(backend):
    rng = np.random.default_rng(4)
    whole = rng.integers(0, 60000, (5, 40, 60), dtype=np.uint16)
    odd = np.zeros((5, 20 * 30 * 2 + 1), np.uint8)[:, 1:].view("u2").reshape(5, 20, 30)  # not aligned
    for part in (whole[:, ::2, ::2], whole[:, ::-1, ::-1], whole[:, :20, 3:40].transpose(0, 2, 1), odd):
        asked = {"backend": backend, "masks": (part % 7 == 3).astype("u4")}
        assert_same(combine(part, **asked), combine(part.copy(), **asked))
    assert_same(
        combine(whole[:, ::-1, ::-1], backend=backend), combine(whole[:, ::-1, ::-1].copy(), backend=backend)
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_planes_of_an_earlier_call_are_filled_again(backend):
    stack = np.random.default_rng(1).normal(5, 1, (6, 30, 30))
    out = combine(stack + 7, backend=backend)
    again = combine(stack, backend=backend, out=out)
    assert all(getattr(again, name) is getattr(out, name) for name in ("data", "variance", "count", "mask"))
    assert again.backend == backend
    assert_same(out, combine(stack, backend=backend))
    with pytest.raises(ValueError, match="out: data is float32 of shape"):
        combine(stack[:, :5], out=out)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_of_a_source_ends_the_combination(backend):
    class Truncated:
        shape, dtype, zero = (400, 10), np.dtype(">i2"), 0

        def read_rows(self, first, last, into):
            if last > 200:
                raise OSError("frame.fits ends at row 200")
            into[...] = 1

    with pytest.raises(OSError, match="ends at row 200"):
        combine([Truncated()] * 3, backend=backend, threads=2, tile_bytes=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1, 2, 3]}, "weights: give one for each frame with statistic 'weighted-mean'"),
        ({"statistic": "weighted-mean"}, "weights: give one"),
        (
            {"statistic": "weighted-mean", "weights": [1, -2, 3]},
            r"weights\[1\]: -2, must be a number above zero",
        ),
        ({"scales": [1, 2]}, r"scales: shape \(2,\), but there are 3 frames"),
        ({"scales": [1, 2, 0]}, r"scales\[2\]: 0"),
        ({"statistic": "minmax-mean", "reject_low": -1}, "reject_low: -1"),
        ({"statistic": "minmax-mean", "reject_low": 2}, "leave nothing of 3 frames"),
        ({"statistic": "minmax-mean", "reject_low": 0.5}, "reject_low: 0.5, must be a whole number"),
        ({"reject_high": None}, "reject_high: None"),
        ({"iterations": 2.5}, "iterations: 2.5, must be a whole number, at least 1"),
        ({"iterations": 0}, "iterations: 0"),
        ({"tile_bytes": -5}, "tile_bytes: -5, must be a whole number, at least 1"),
        ({"threads": 0}, "threads: 0"),
        ({"threads": 2.5}, "threads: 2.5"),
        ({"ignore": -1}, "ignore: -1, must be a whole number, at least 0 and at most 4294967295"),
        ({"ignore": 2**32}, "ignore: 4294967296"),
        ({"masks": np.zeros((3, 4, 5), "u8")}, r"masks\[0\]: type uint64, must have at most 32 bits"),
        ({"masks": None, "variances": [None] * 3}, r"variances\[0\]: of type NoneType"),
        ({"variances": 5}, "variances: 5, must be planes"),
        ({"backend": "fpga"}, "backend: 'fpga', must be one of auto, cupy, cpu, numpy"),
        ({"masks": np.zeros((3, 4, 4), "u4")}, r"masks: 3 planes of shape \(4, 4\)"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_wrong_is_named(options, message, backend):
    with pytest.raises(ValueError, match=message):
        combine(np.ones((3, 4, 5)), **{"backend": backend, **options})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["f4", "f8", ">f4", "i2"])
def test_a_variance_that_would_go_in_is_not_negative(backend, kind):
    stack, variances = np.ones((6, 4, 5)), np.full((6, 4, 5), 4, kind)
    variances[0, 2, 3] = -1
    with pytest.raises(ValueError, match=r"variances\[0\]: negative in rows"):
        combine(stack[:4], variances=variances[:4], backend=backend)
    assert (combine(stack, variances=variances, backend=backend).variance == 0).all()
    stack[1:, 2, 3] = np.nan
    with pytest.raises(ValueError, match="variances: negative at row 2, column 3"):
        combine(stack, variances=variances, backend=backend)


def test_numbers_of_numpy_are_whole_numbers():
    stack = np.random.default_rng(6).normal(9, 1, (7, 4, 5))
    given = {"iterations": 2, "reject_low": 1, "threads": 2, "tile_bytes": 100, "ignore": 3}
    for backend in BACKENDS:
        as_numpys = {name: np.int64(number) for name, number in given.items()}
        assert_same(combine(stack, **given, backend=backend), combine(stack, **as_numpys, backend=backend))


def test_this_installation_has_the_kernel():
    assert choose("auto")[0] == "cpu"


def test_without_its_library_the_kernel_is_passed_over_and_said(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(library, "PATH", tmp_path / "kernel.so")
    for cached in (library._library, library.entry, _fastest):
        cached.cache_clear()
    try:
        assert choose("auto")[0] == choose("auto")[0] == "numpy"
        assert caplog.text.count("combining without the cpu backend: its library cannot be loaded") == 1
        with pytest.raises(BackendMissingError, match=r"kernel\.so.*install calibrant-pixels again"):
            combine(np.ones((3, 4, 5)), backend="cpu")
    finally:
        for cached in (library._library, library.entry, _fastest):
            cached.cache_clear()


def test_a_library_of_another_source_is_passed_over(monkeypatch, tmp_path):
    source = tmp_path / "kernel.c"
    source.write_text("int another;")
    monkeypatch.setattr(library, "SOURCE", source)
    library._library.cache_clear()
    try:
        with pytest.raises(BackendMissingError, match=r"was not made from kernel\.c as it is now"):
            library._library()
    finally:
        library._library.cache_clear()


def test_the_variants_of_the_kernel_agree(monkeypatch):
    found = library._library()
    level = found.instructions()
    stack = np.random.default_rng(3).normal(1000, 5, (20, 30, 300))
    stack[4] += 50
    results = []
    for one in [v for v in (1, 3, 4) if v <= level]:
        library.entry.cache_clear()
        monkeypatch.setattr(found, "instructions", lambda one=one: one)
        results += [
            [
                combine(stack.astype(kind), spread=spread)
                for kind in ("u2", "f4", "f8")
                for spread in ("std", "mad")
            ]
        ]
    library.entry.cache_clear()
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            assert_same(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mask_of_booleans_says_what_is_bad(backend):
    stack = np.array([[[1.0]], [[1.0]], [[500.0]]], dtype=np.float32)
    masks = stack > 100
    combined = combine(stack, statistic="mean", masks=masks, backend=backend)
    assert (combined.data.item(), combined.count.item(), combined.mask.item()) == (1.0, 2, 0)
