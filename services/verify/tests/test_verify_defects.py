"""A mask of defects through measurement and decision: a good one passes, one that marks good pixels does not."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from calibrant.pixels import Mask, remove_signature
from calibrant.rules.identity import product_id
from calibrant.verify.inputs import InputRefused


def masked(bench, darks, places):
    """Make a mask of defects from the form of a dark."""
    image = bench.master("dark", darks).image
    mask = np.zeros(image.data.shape, np.uint32)
    for place in places:
        mask[place] = Mask.HOT
    job = f"{len(places):x}".ljust(64, "0")
    provenance = replace(
        image.provenance, job_id=job, product_id=product_id("defects", job), recipe="defects"
    )
    return bench.stored(replace(image, kind="defects", mask=mask, provenance=provenance), len(darks))


@pytest.fixture
def darks(bench):
    return bench.frames("dark", 4, time_s=10.0)


def test_a_frame_looks_no_worse_without_its_defects(bench, darks):
    bias = bench.master("bias", bench.frames("bias", 4))
    defects = masked(bench, darks, [(3, 3), (70, 90)])
    report, measured = bench.measure(defects, darks, bias)
    assert report.errors == ()
    values = report.measurements[0].values
    assert (values["DEFECT_PIXELS"], values["FRAC"]) == (1.0, 1 / 4096)
    assert values["UNMASKED_MAX"] >= values["MAX"]
    tests = {one.test for one in report.results if one.level == "amplifier"}
    assert tests == {"OUTLIERS", "STDEV", "MIN", "MAX", "PROB_TEST", "NUM_COSMICS"}
    failed = {one.test for one in report.results if one.verdict == "fail"}
    assert failed <= {"PROB_TEST"}
    decided, text = bench.paged("defects", [measured])
    assert decided.detectors[0].product_id == defects.message.product_id
    assert [(one.y0, one.y1, one.x0, one.x1) for one in report.regions] == [(3, 4, 3, 4), (70, 71, 90, 91)]
    told = text.partition('id="defects"')[2]
    figure = base64.b64decode(re.findall(r"svg\+xml;base64,([^\"]+)", told)[0]).decode()
    assert [words in figure for words in ("hot: 2 pixels", "dead: 0 pixels", "other: 0 pixels")] == [True] * 3


def test_a_mask_of_good_pixels_makes_the_rest_noisier_and_fails(bench, darks):
    frame = darks[0]
    report, _ = bench.measure(masked(bench, darks, []), [frame])
    assert {r.verdict for r in report.results if r.level == "amplifier" and not r.advisory} == {"pass"}
    assert {row.values["DEFECT_PIXELS"] for row in report.measurements if row.amplifier} == {0.0}
    raw = fits.getdata(bench.objects.path_of(frame.ref.uri))
    image = remove_signature(raw, bench.instrument.geometry(0), overscan=bench.instrument.overscan.method)
    inner = [tuple(place) for place in np.argwhere(np.abs(image.data - np.median(image.data)) < 2.0)]
    report, measured = bench.measure(masked(bench, darks, inner), [frame])
    failed = {(one.test, one.amplifier) for one in report.results if one.verdict == "fail"}
    assert {("STDEV", one.name) for one in bench.instrument.geometry(0).amplifiers} <= failed
    decided = bench.decide("defects", [measured])
    assert not decided.detectors[0].accepted
    assert "STDEV fails in 1 of 1 exposures" in decided.detectors[0].reason


def test_biases_verify_defects_too_but_not_a_second_mask(bench, darks):
    defects = masked(bench, darks, [(3, 3)])
    report, _ = bench.measure(defects, biases := bench.frames("bias", 1))
    assert not report.errors
    report, _ = bench.measure(bench.master("bias", bench.frames("bias", 3)), [*biases, darks[0]])
    assert "its type is dark, but the job measures bias" in report.errors[0].reason
    with pytest.raises(InputRefused, match="has no use for this input of role 'defects'"):
        bench.measure(defects, darks, masked(bench, darks, [(4, 4), (5, 5)]))


def test_hot_pixels_that_are_marked_are_no_cosmic_rays(bench, darks):
    """The left half of the first amplifier gets hot pixels: after two columns of prescan."""
    hot = [(row, column) for row in (5, 25, 45) for column in (10, 30)]
    path = bench.objects.path_of(darks[0].ref.uri)
    with fits.open(path) as hdus:
        for row, column in hot:
            hdus[0].data[row, column + 2] += 2000
        hdus.writeto(bench.folder / "hot.fits", output_verify="silentfix")
    frame = bench.input(bench.folder / "hot.fits")
    for marked, after in ((hot, 0.0), (hot[:4], 2.0), ([], 6.0)):
        report, _ = bench.measure(masked(bench, darks, marked), [frame])
        (numbers,) = [row.values for row in report.measurements if row.amplifier == "A00"]
        assert (numbers["NUM_COSMICS_BEFORE"], numbers["NUM_COSMICS_AFTER"]) == (6.0, after)
        (found,) = [one for one in report.results if (one.test, one.amplifier) == ("NUM_COSMICS", "A00")]
        assert (found.verdict, found.value, found.advisory) == ("pass", after - 6.0, True)


def test_flats_are_not_searched_for_cosmic_rays(bench, darks):
    flats = bench.frames("flat", 1, time_s=1.0, light_e=5000.0)
    report, _ = bench.measure(masked(bench, darks, [(3, 3)]), flats)
    found = [one for one in report.results if one.test == "NUM_COSMICS"]
    assert {(one.verdict, one.because) for one in found} == {
        ("not_applicable", "cosmic rays are searched for in darks only")
    }
