"""Sets that are not what they are called: told by what the product shows and what the headers say."""

import dataclasses
import shutil

import numpy as np
import pytest

from calibrant.verify.measuring.products import product_values
from calibrant.verify.noticing import findings


def told(bench, kind, frames, *subtracted, **removed):
    report, _ = bench.measure(bench.master(kind, frames, **removed), frames, *subtracted)
    return findings(kind, {0: report})


def test_biases_with_light_and_an_exposure_time_are_told(bench):
    charge, *_, times = told(bench, "bias", bench.frames("bias", 4, time_s=3.0, light_e=400.0))
    assert "electron above its overscan: there is light or dark charge in it; 3 more amplifiers" in charge
    assert times == "detector 0: 4 of 4 biases have an exposure time, of up to 3 s"


def test_darks_far_brighter_than_the_nominal_dark_current_are_told(bench):
    bias = bench.master("bias", bench.frames("bias", 6))
    darks = bench.frames("dark", 4, time_s=30.0, light_e=300.0)
    bright, *rest = told(bench, "dark", darks, bias, bias=bias)
    assert "times the nominal 0.05 of the instrument file: light, or a sensor that was warm" in bright
    assert rest == []
    assert told(bench, "dark", bench.frames("dark", 4, time_s=30.0), bias, bias=bias) == ()


def test_darks_of_no_time_are_told(bench):
    (said,) = told(bench, "dark", bench.frames("dark", 4))
    assert said == "detector 0: 4 of 4 frames have an exposure time of 0 s, as biases have"


def test_an_arc_called_flat_is_told_by_its_lines(bench):
    bias = bench.master("bias", bench.frames("bias", 4))
    flats = bench.frames("flat", 4, time_s=1.0, light_e=9000.0)
    flat = bench.master("flat", flats, bias=bias)
    report, _ = bench.measure(flat, flats, bias)
    assert findings("flat", {0: report}) == ()
    arc = flat.image.data * 0.1
    arc[:, [3, 11, 14, 27, 33, 45, 52, 59]] = 8.0
    values = product_values(dataclasses.replace(flat.image, data=arc), bench.instrument)
    (said,) = findings("flat", {0: report.model_copy(update={"product_values": values})})
    assert "8 narrow bright lines cross the flat, as an arc or the night sky has them" in said


@pytest.mark.real_frames
def test_a_real_arc_called_flat_is_told_and_lamp_flats_are_not(real_bench, real_data, tmp_path):
    bench, folder = real_bench("newton-du940p"), real_data / "newton-du940p"
    (source,) = folder.glob("arc/*")
    called = tmp_path / "flat_arc.fits.gz"
    shutil.copy(source, called)
    bias = bench.master("bias", [bench.input(path) for path in sorted(folder.glob("bias/*"))])
    lines = []
    for paths in ([called], sorted(folder.glob("flat/*"))[:5]):
        flat = bench.master("flat", [bench.input(path) for path in paths], bias=bias)
        lines.append(product_values(flat.image, bench.instrument)["A"]["LINES"])
    assert lines[0] > 20
    assert lines[1] == 0
    assert np.isfinite(flat.image.data).all()
