"""Rows from files: every packing and type as astropy reads it, threads at once, nothing left in the scratch folder."""

import gzip
import resource
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from calibrant.frames.reading import open_frames, read_frames
from calibrant.frames.reading.rows import PlainRows, TileRows
from calibrant.frames.testing import good_bytes, good_cards

RICE_TYPES = ("i2", "u2", "i4", "u4")
TYPES = (*RICE_TYPES, "u1", "i1", "i8", "f4", "f8")
UNSIGNED = {"u2": ("i2", 1 << 15), "u4": ("i4", 1 << 31), "i1": ("u1", -128)}
PACKINGS = {
    "plain": TYPES,
    "gzipped": ("u2", "f4"),
    "RICE_1": RICE_TYPES,
    "GZIP_1": (*RICE_TYPES, "f4", "f8"),
    "GZIP_2": (*RICE_TYPES, "f4", "f8"),
    "NOCOMPRESS": ("u2",),
}
CASES = [(packing, kind) for packing, kinds in PACKINGS.items() for kind in kinds]


def pixels(tiny, kind):
    shape, random = tiny.detector(0).raw_shape, np.random.default_rng(5)
    if kind.startswith("f"):
        return random.normal(1000, 30, shape).astype(kind)
    limits = np.iinfo(kind)
    plane = random.normal(limits.max // 3, 30, shape).round().astype(kind)
    plane[0, :2] = limits.min, limits.max
    return plane


def write(path, tiny, array, packing="plain", **options):
    header = fits.Header(good_cards(tiny))
    if packing in ("plain", "gzipped"):
        fits.PrimaryHDU(array, header).writeto(path)
        if packing == "gzipped":
            path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        return
    lossless = {"quantize_level": 0} if array.dtype.kind == "f" else {}
    unit = fits.CompImageHDU(array, header, compression_type=packing, **lossless, **options)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)


def rows_of(source, step):
    """Read a source a few rows at a time, the last first, into buffers full of something else."""
    found = np.empty(source.shape, source.dtype)
    for first in reversed(range(0, source.shape[0], step)):
        last = min(first + step, source.shape[0])
        band = np.full((last - first, source.shape[1]), 77, source.dtype)
        source.read_rows(first, last, band)
        found[first:last] = band
    return found


@pytest.mark.parametrize(("packing", "kind"), CASES, ids=["-".join(case) for case in CASES])
def test_rows_are_what_astropy_reads(tmp_path, tiny, packing, kind):
    path, array = tmp_path / "a.fits", pixels(tiny, kind)
    write(path, tiny, array, packing)
    with open_frames(path, tiny, tmp_path) as (frame,):
        source = frame.rows
        stored = rows_of(source, 7)
        kept, zero = UNSIGNED.get(kind, (kind, 0))
        assert (source.dtype.str[1:], source.zero, source.shape) == (kept, zero, array.shape)
        np.testing.assert_array_equal(stored.astype(np.float64) + zero, array.astype(np.float64))
        (whole,) = read_frames(path, tiny)
        np.testing.assert_array_equal(whole.array, array)
        assert whole.array.dtype == array.dtype
        assert frame.content_sha256() == whole.content_sha256
        held = frame.held()
    np.testing.assert_array_equal(rows_of(held.rows, 7), stored)  # the file is closed
    assert (held.content_sha256(), held.rows.zero, held.held()) == (whole.content_sha256, zero, held)
    astropys = fits.getdata(path, 0 if packing in ("plain", "gzipped") else 1)
    np.testing.assert_array_equal(whole.array, astropys)


@pytest.mark.parametrize("packing", ["plain", "RICE_1", "GZIP_2"])
def test_other_scalings_are_values_of_float32(tmp_path, tiny, packing):
    stored = pixels(tiny, "i2")
    for name, how in [("a.fits", packing), ("b.fits", "plain")]:
        write(tmp_path / name, tiny, stored, how)
        options = {"do_not_scale_image_data": True, "disable_image_compression": True}
        with fits.open(tmp_path / name, mode="update", **options) as file:
            file[-1].header["BSCALE"], file[-1].header["BZERO"] = 0.25, 100.5
    values, path = stored * 0.25 + 100.5, tmp_path / "a.fits"
    with open_frames(path, tiny, tmp_path) as (frame,):
        assert (frame.rows.dtype, frame.rows.zero) == (np.float32, 0)
        for one in (frame, frame.held()):
            np.testing.assert_array_equal(rows_of(one.rows, 50), values.astype(np.float32))
        assert frame.content_sha256() == read_frames(tmp_path / "b.fits", tiny)[0].content_sha256


def test_tiles_of_a_row_stay_packed_and_others_are_unpacked_once(tmp_path, tiny):
    array, scratch = pixels(tiny, "u2"), tmp_path / "scratch"
    scratch.mkdir()
    for name, tile in [("rows", (1, 164)), ("tall", (16, 164)), ("narrow", (1, 50)), ("whole", (144, 164))]:
        path = tmp_path / f"{name}.fits"
        write(path, tiny, array, "RICE_1", tile_shape=tile)
        with open_frames(path, tiny, scratch) as (frame,):
            assert isinstance(frame.stored, TileRows if name == "rows" else PlainRows)
            np.testing.assert_array_equal(rows_of(frame.rows, 5).astype(np.int64) + 32768, array)
            assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("packing", ["plain", "RICE_1", "GZIP_2"])
def test_all_can_be_unpacked_once_for_those_who_read_twice(tmp_path, tiny, packing):
    path, array = tmp_path / "a.fits", pixels(tiny, "u2")
    write(path, tiny, array, packing)
    with open_frames(path, tiny, tmp_path, unpack=True) as (frame,):
        assert isinstance(frame.stored, PlainRows)
        np.testing.assert_array_equal(rows_of(frame.rows, 5).astype(np.int64) + 32768, array)
        assert frame.content_sha256() == read_frames(path, tiny)[0].content_sha256


def test_lossy_floats_are_as_astropy_restores_them(tmp_path, tiny):
    path, array = tmp_path / "a.fits", pixels(tiny, "f4")
    unit = fits.CompImageHDU(array, fits.Header(good_cards(tiny)), compression_type="RICE_1", dither_seed=3)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)
    with open_frames(path, tiny, tmp_path) as (frame,):
        np.testing.assert_array_equal(rows_of(frame.rows, 9), fits.getdata(path, 1))


@pytest.mark.parametrize("packing", ["plain", "gzipped", "RICE_1", "GZIP_1"])
def test_threads_that_read_at_once_read_the_same(tmp_path, tiny, packing):
    path, array = tmp_path / "a.fits", pixels(tiny, "u2")
    write(path, tiny, array, packing)
    with open_frames(path, tiny, tmp_path) as (frame,), ThreadPoolExecutor(4) as pool:
        for stored in pool.map(rows_of, [frame.rows] * 24, [1, 2, 3, 5, 11, 144] * 4):
            np.testing.assert_array_equal(stored.astype(np.int64) + 32768, array)


@pytest.mark.parametrize("packing", ["plain", "gzipped", "RICE_1", "GZIP_1"])
def test_memory_does_not_grow_with_the_frames_that_are_open(tmp_path, tiny, packing):
    path, array = tmp_path / "a.fits", pixels(tiny, "u2")
    write(path, tiny, array, packing)

    def peak(number):
        tracemalloc.start()
        contexts = [open_frames(path, tiny, tmp_path) for _ in range(number)]
        try:
            frames = [context.__enter__()[0] for context in contexts]
            for frame in frames:
                rows_of(frame.rows, 8)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            for context in contexts:
                context.__exit__(None, None, None)

    peak(1)  # what is imported and cached only once
    assert peak(30) - peak(1) < 29 * array.nbytes / 2  # headers and places of tiles


def test_only_the_detector_that_is_asked_for_is_opened(tmp_path, tiny):
    content = tiny.model_dump(mode="json")
    content["files"]["hdus"] = "extension-per-detector"
    for detector in content["detectors"]:
        detector["hdu"] = f"CCD{detector['id']}"
    mosaic = type(tiny).model_validate(content)
    shape = tiny.detector(0).raw_shape
    units = [fits.PrimaryHDU(header=fits.Header(good_cards(tiny)))]
    units += [fits.ImageHDU(np.full(shape, level, np.uint16), name=f"CCD{level - 1}") for level in (1, 2)]
    path = tmp_path / "mosaic.fits"
    fits.HDUList(units).writeto(path)
    with open_frames(path, mosaic, tmp_path) as frames:
        assert [(frame.detector, int(rows_of(frame.rows, 99)[0, 0])) for frame in frames] == [
            (0, 1 - 32768),
            (1, 2 - 32768),
        ]
    with open_frames(path, mosaic, tmp_path, detector=1) as frames:
        assert [frame.detector for frame in frames] == [1]


def test_the_file_is_closed_with_its_frames(tmp_path, tiny):
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(good_bytes(tiny), mtime=0))
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir()))
    with open_frames(path, tiny, tmp_path):
        assert len(list(handles.iterdir())) == before + 1  # what the file unpacks to
    assert len(list(handles.iterdir())) == before


def test_too_many_open_files_are_no_fault_of_a_file(tmp_path, tiny):
    path = tmp_path / "a.fits"
    path.write_bytes(good_bytes(tiny))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
        with pytest.raises(OSError, match=r"a process may have 64; raise the limit \(ulimit -n\).*a\.fits"):
            all(opened.enter_context(open_frames(path, tiny, tmp_path)) for _ in range(64))


def test_rows_that_are_not_there_and_buffers_that_do_not_fit_are_the_callers_mistake(tmp_path, tiny):
    path = tmp_path / "a.fits"
    path.write_bytes(good_bytes(tiny))
    with open_frames(path, tiny, tmp_path) as (frame,):
        source = frame.rows
        columns = source.shape[1]
        with pytest.raises(ValueError, match="rows 140 to 145 of an image of 144"):
            source.read_rows(140, 145, np.empty((5, columns), source.dtype))
        for buffer in (
            np.empty((4, columns), source.dtype),
            np.empty((5, columns), np.uint16),
            np.empty((5, 2 * columns), source.dtype)[:, ::2],
        ):
            with pytest.raises(ValueError, match="buffer for rows 0 to 5"):
                source.read_rows(0, 5, buffer)
