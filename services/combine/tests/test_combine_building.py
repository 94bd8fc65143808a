"""A combine job in its workspace: the product's file and its provenance, and every refusal."""

import gzip
import math
import os
import resource
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine import building
from calibrant.combine.building import VersionMismatch, compute
from calibrant.combine.inputs import InputRefused
from calibrant.combine.open_files import TooManyFiles, allow_for
from calibrant.combine.recipes.base import RecipeRefused
from calibrant.frames.instrument import load_instrument
from calibrant.frames.times import format_time
from calibrant.frames.writing import write_product
from calibrant.pixels import ENGINE_VERSION
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore, ObjectDamaged


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


def refused(bench, job, *, error=InputRefused):
    with pytest.raises(error) as raised:
        compute(job, bench.workspace("refused"))
    return str(raised.value)


def test_too_few_frames(bench):
    says = refused(bench, bench.job("bias", bench.biases(2)))
    assert "2 bias frames of detector 0, 3 are needed for a bias" in says


def test_fewest_frames_can_be_lowered(bench):
    product, _, _ = bench.build("bias", bench.biases(2), min_inputs=2)
    assert (product.count == 2).any()


@pytest.mark.parametrize(
    ("field", "says"),
    [("recipe_version", "version 0 of the recipe bias"), ("engine_version", "version 0 of the pixel engine")],
)
def test_another_version_is_refused(bench, field, says):
    job = bench.job("bias", bench.biases(3)).model_copy(update={field: "0"})
    assert says in refused(bench, job, error=VersionMismatch)


def test_another_description_of_the_instrument_is_refused(bench):
    job = bench.job("bias", bench.biases(3)).model_copy(update={"instrument_hash": "f" * 64})
    assert "simcam-tiny: the job was planned with another description (ffffffffffff)" in refused(bench, job)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"instrument": "simcam-tinny"}, "simcam-tinny"), ({"detector": 7}, "has no detector 7")],
)
def test_an_unknown_instrument_or_detector_is_named(bench, change, says):
    job = bench.job("bias", bench.biases(3)).model_copy(update=change)
    assert says in refused(bench, job)


def test_the_users_own_instrument_file_comes_first(bench):
    shipped = load_instrument("simcam-tiny").model_dump_json()
    own = bench.folder / "instruments"
    own.mkdir()
    (own / "simcam-tiny.yaml").write_text(shipped.replace('"version":"1.0.0"', '"version":"2.0.0"'))
    changed = load_instrument(own / "simcam-tiny.yaml")
    inputs = bench.biases(3)
    job = bench.job("bias", inputs).model_copy(update={"instrument_hash": changed.hash})
    scratch = bench.folder / "own"
    scratch.mkdir()
    assert compute(job, Workspace(scratch, bench.objects, {"instruments": str(own)})).artifacts


def test_a_calibration_in_another_unit_is_refused(bench):
    _, bias, _ = bench.build("bias", bench.biases(3), unit="adu")
    inputs = [*bench.darks(9.0, 9.0, 9.0), bench.calibration("bias", bias)]
    says = refused(bench, bench.job("dark", inputs))
    assert f"{bias.product_id}: is in adu, but the job works in electron" in says


def test_a_calibration_of_another_kind_is_refused(bench):
    _, dark, _ = bench.build("dark", bench.darks(9.0, 9.0, 9.0))
    inputs = [*bench.darks(9.0, 9.0, 9.0), bench.calibration("bias", dark)]
    assert "its kind is dark, but the job needs bias" in refused(bench, bench.job("dark", inputs))


def test_a_calibration_of_another_shape_is_refused(bench):
    bias, facts, path = bench.build("bias", bench.biases(3))
    planes = {name: getattr(bias, name)[1:] for name in ("data", "variance", "mask", "count")}
    write_product(path, replace(bias, **planes))
    inputs = [*bench.darks(9.0, 9.0, 9.0), bench.calibration("bias", facts)]
    assert "is (127, 128) (rows, columns), but detector 0" in refused(bench, bench.job("dark", inputs))


def test_a_role_the_recipe_has_not_is_refused(bench):
    _, bias, _ = bench.build("bias", bench.biases(3))
    inputs = [*bench.biases(3), bench.calibration("bias", bias)]
    assert "recipe bias takes none" in refused(bench, bench.job("bias", inputs))


def test_a_frame_of_another_type_is_refused(bench):
    says = refused(bench, bench.job("bias", [*bench.biases(3), *bench.darks(5.0)]))
    assert "its type is dark, but the job combines type bias" in says


def test_a_flat_is_of_one_filter(bench):
    inputs = [*bench.flats(9000.0, 9000.0), bench.frame("flat", 4.0, 9000.0, FILTER="g")]
    job = bench.job("flat", inputs)
    assert "its filter is g, but the job combines frames of filter r" in refused(bench, job)


def test_a_flat_is_of_the_filter_that_the_job_names(bench):
    inputs = bench.flats(9000.0, 9000.0, 9000.0)
    _, facts, _ = bench.build("flat", inputs)
    assert facts.filter == "r"
    job = bench.job("flat", inputs).model_copy(update={"filter": "g"})
    assert "its filter is r, but the job combines frames of filter g" in refused(bench, job)


def test_a_frame_given_twice_is_refused(bench):
    inputs = bench.biases(3)
    assert f"frame {inputs[0].id} is given twice" in refused(bench, bench.job("bias", [*inputs, inputs[0]]))


def test_a_frame_that_is_not_in_its_file_is_refused(bench):
    inputs = bench.biases(3)
    wrong = inputs[0].model_copy(update={"id": "0" * 24 + "-0"})
    assert "ingest it again" in refused(bench, bench.job("bias", [wrong, *inputs[1:]]))


def test_a_damaged_file_is_refused(bench):
    inputs = bench.biases(3)
    path = bench.objects.path_of(inputs[1].ref.uri)
    path.write_bytes(path.read_bytes()[:-1])
    assert "is damaged" in refused(bench, bench.job("bias", inputs), error=ObjectDamaged)


def test_a_file_that_is_cut_while_it_is_read_is_refused(bench, monkeypatch):
    inputs = bench.biases(3)
    checked = FolderStore.local_path

    def cut_after_the_check(store, ref):
        path = checked(store, ref)
        os.truncate(path, ref.size_bytes // 2)
        return path

    monkeypatch.setattr(FolderStore, "local_path", cut_after_the_check)
    told = refused(bench, bench.job("bias", inputs))
    assert any(f"{one.id}: " in told for one in inputs)  # they are opened side by side
    assert "is truncated: the data of HDU 0 begin at byte 2880 and need" in told
    assert f"the file ends at byte {inputs[0].ref.size_bytes // 2}" in told


def test_a_file_that_is_cut_after_its_frame_was_checked_is_refused(bench, monkeypatch):
    inputs = bench.biases(3)
    paths = [bench.objects.path_of(one.ref.uri) for one in inputs]
    told = building.load_calibrations

    def cut_then_load(*arguments):
        os.truncate(paths[1], paths[1].stat().st_size // 2)
        return told(*arguments)

    monkeypatch.setattr(building, "load_calibrations", cut_then_load)
    says = refused(bench, bench.job("bias", inputs))
    assert f"{inputs[1].file_name}: HDU 0, row " in says
    assert "while it was read" in says
    assert list((bench.folder / "scratch/refused").iterdir()) == []


def test_a_frame_that_does_not_go_with_the_others_is_named(bench):
    inputs = bench.biases(3)
    raw = fits.getdata(bench.objects.local_path(inputs[0].ref)).astype(np.float32)
    header = fits.getheader(bench.objects.local_path(inputs[0].ref))
    path = bench.folder / "float.fits"
    for card in ("BZERO", "BSCALE"):
        del header[card]
    fits.PrimaryHDU(raw, header).writeto(path)
    says = refused(
        bench, bench.job("bias", [*inputs, bench.input(path, "raw/float.fits")]), error=RecipeRefused
    )
    assert "float.fits (frame " in says
    assert "values of type float32" in says


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
    inputs = bench.biases(32)

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
    assert peak(32) - peak(16) < 16 * frame_bytes / 3


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
