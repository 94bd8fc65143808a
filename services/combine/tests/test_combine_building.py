"""A combine job in its workspace: the product's file, its provenance, what it takes."""

import gzip
import math
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from refused_jobs import refused

from calibrant.combine.building import compute
from calibrant.combine.open_files import TooManyFiles, allow_for
from calibrant.frames.instrument import load_instrument
from calibrant.frames.times import format_time
from calibrant.frames.writing import write_product
from calibrant.pixels import ENGINE_VERSION


def test_the_product_says_all_that_determines_it(bench):
    inputs = bench.biases(3)
    product, facts, path = bench.build("bias", list(reversed(inputs)), sigma=4.0)
    source = product.provenance
    assert source.product_id == facts.product_id == f"bias-{source.job_id[:12]}"
    assert (source.recipe, source.recipe_version) == ("bias", "1")
    assert source.engine_version == ENGINE_VERSION
    assert source.instrument_hash == bench.instrument.hash
    assert [(one.role, one.id, one.sha256) for one in source.inputs] == [
        ("frames", one.id, one.ref.sha256) for one in inputs
    ]
    assert source.parameters["sigma"] == 4.0
    assert source.parameters["overscan"] == "median-per-row"
    with fits.open(path, checksum=True) as file:
        header = file[0].header
    assert header["TIMESYS"] == "TAI"
    assert header["NFRAMES"] == 3
    assert header["BUNIT"] == "electron"
    assert header["DATE-BEG"] == format_time(facts.begin_tai_ns, "tai", 9)
    assert facts.end_tai_ns - facts.begin_tai_ns == 2 * 60_000_000_000
    assert [one.file_name for one in facts.frames] == [one.file_name for one in inputs]
    assert facts.read_noise_e == product.read_noise_e == pytest.approx((5.0 + 5.2 + 4.9 + 5.1) / 4)
    assert [(one.name, one.gain_e_per_adu) for one in product.amplifiers] == [
        ("A00", 1.48), ("A01", 1.52), ("A10", 1.5), ("A11", 1.55),
    ]  # fmt: skip


@pytest.mark.parametrize(("normalise", "same"), [("each", False), ("combined", True)])
def test_the_file_tells_of_each_frame_and_what_it_was_divided_by(bench, normalise, same):
    _, dark, _ = bench.build("dark", bench.darks(4.0, 4.0, 4.0))
    frames = bench.flats(9000.0, 9500.0, 10000.0)
    product, _, path = bench.build("flat", [*frames, bench.calibration("dark", dark)], normalise=normalise)
    *told, last = product.provenance.inputs
    assert [(one.file_name, one.exposure_id) for one in told] == [
        (one.file_name, one.exposure_id) for one in frames
    ]
    assert {(one.exptime_s, one.dark_time_s) for one in told} == {(4.0, 4.0)}
    assert [one.begin_tai_ns - told[0].begin_tai_ns for one in told] == [0, 60_000_000_000, 120_000_000_000]
    levels = [9500.0] * 3 if same else [9000.0, 9500.0, 10000.0]
    assert [one.scale for one in told] == pytest.approx(levels, rel=0.005)
    assert (last.role, last.id, last.scale, last.begin_tai_ns) == ("dark", dark.product_id, None, None)
    write_product(path.with_name("again.fits"), product)
    assert path.with_name("again.fits").read_bytes() == path.read_bytes()


def test_a_dark_per_second_tells_its_times_and_a_bias_was_divided_by_one(bench):
    bias, facts, _ = bench.build("bias", bench.biases(3))
    assert [one.scale for one in bias.provenance.inputs] == [1.0] * 3
    dark, _, _ = bench.build("dark", [*bench.darks(3.0, 6.0, 9.0), bench.calibration("bias", facts)])
    assert [one.scale for one in dark.provenance.inputs] == [3.0, 6.0, 9.0, None]


def test_the_same_job_gives_the_same_bytes(bench):
    inputs = bench.flats(9000.0, 9100.0, 9200.0)
    _, _, first = bench.build("flat", inputs)
    _, _, again = bench.build("flat", list(reversed(inputs)))
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("packing", ["gzipped", "RICE_1"])
def test_compressed_frames_make_the_same_product(bench, packing):
    inputs = bench.biases(4)
    packed = []
    for one in inputs:
        source = bench.objects.local_path(one.ref)
        path = bench.folder / f"packed-{one.file_name}"
        if packing == "gzipped":
            path.write_bytes(gzip.compress(source.read_bytes()))
        else:
            with fits.open(source) as file:
                unit = fits.CompImageHDU(file[0].data, file[0].header, compression_type=packing)
            fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)
        packed.append(bench.input(path, f"raw/{path.name}"))
    plain, _, _ = bench.build("bias", inputs)
    product, _, _ = bench.build("bias", packed)
    assert [one.id for one in packed] == [one.id for one in inputs]
    for name in ("data", "variance", "mask", "count"):
        np.testing.assert_array_equal(getattr(product, name), getattr(plain, name))
    assert [path.name for path in (bench.folder / "scratch/bias-1").iterdir()] == ["product.fits"]


def test_memory_does_not_grow_with_the_number_of_frames(bench):
    bench.instrument = load_instrument("simcam")
    inputs = bench.biases(16)

    def peak(number):
        job = bench.job("bias", inputs[:number])
        workspace = bench.workspace(f"peak-{number}")
        tracemalloc.start()
        try:
            compute(job, workspace)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    frame_bytes = 2 * math.prod(bench.instrument.detector(0).raw_shape)
    assert peak(16) - peak(8) < 8 * frame_bytes / 3


@pytest.fixture
def few_open_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 8, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_open_files")
def test_the_files_of_many_frames_may_be_open(bench):
    inputs = bench.biases(9)
    assert bench.build("bias", inputs)[1].frames[8].id == inputs[8].id


def test_more_files_than_a_process_may_have_are_told(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 256))
    with pytest.raises(TooManyFiles, match="70 frames take 268 open files, but a process may have 256 here"):
        allow_for(70)


def test_a_product_that_is_no_product_is_refused(bench):
    path = bench.folder / "other.fits"
    path.write_bytes(b"SIMPLE  = nothing")
    ref = bench.objects.put_if_absent("products/other.fits", path, "image/fits")
    frame = bench.darks(9.0, 9.0, 9.0)
    wrong = frame[0].model_copy(update={"role": "bias", "id": "bias-000000000000", "ref": ref})
    assert "cannot be read as a product" in refused(bench, bench.job("dark", [*frame, wrong]))


def test_the_pixels_of_all_frames_read_are_told(bench):
    inputs = bench.biases(3)
    frame = fits.getdata(bench.objects.local_path(inputs[0].ref))
    assert compute(bench.job("bias", inputs), bench.workspace("counted")).pixels == 3 * frame.size
