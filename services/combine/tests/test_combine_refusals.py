"""What a combine job is refused for, each named: versions, instruments, calibrations, frames, files."""

import os
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from refused_jobs import refused

from calibrant.combine import building
from calibrant.combine.building import VersionMismatch, compute
from calibrant.combine.recipes.base import RecipeRefused
from calibrant.frames.instrument import load_instrument
from calibrant.frames.writing import write_product
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore, ObjectDamaged


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
