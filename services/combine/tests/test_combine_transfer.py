"""The photon transfer recipe: the gain that the frames were made with comes back, and what cannot be measured says why."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine.building import compute
from calibrant.combine.facts import ProductFacts
from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import Calibration, FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.correction import bias_and_dark, check_level
from calibrant.combine.recipes.photon_transfer.gain import compute as gain
from calibrant.combine.recipes.photon_transfer.ptc import compute as transfer
from calibrant.frames.correcting import correction
from calibrant.frames.writing import read_product_tables, write_product
from calibrant.pixels import ArrayRows, Geometry, Overscan, Reference, Signature

LEVELS_E = (500.0, 2_000.0, 8_000.0, 20_000.0, 40_000.0)
SMALL = {"least_pixels": 1000, "lags": 1}


def pairs(bench, *levels_e):
    """Give a pair of flats at each level, of as many seconds as there are thousands of electrons."""
    return [flat for level in levels_e for flat in bench.flats(level, level, time_s=level / 1000)]


def built(bench, inputs, recipe="ptc", **parameters):
    job = bench.job(recipe, inputs, **parameters)
    workspace = bench.workspace(job.job_id)
    outcome = compute(job, workspace)
    (artifact,) = outcome.artifacts
    path = workspace.scratch / artifact.path
    return read_product_tables(path), ProductFacts.model_validate(outcome.data), artifact, path


def test_a_curve_gives_the_gain_and_says_what_is_left_over(bench):
    _, bias, _ = bench.build("bias", bench.biases(5))
    lone = bench.flats(3000.0, time_s=99.0)
    inputs = [*pairs(bench, *LEVELS_E), *lone, bench.calibration("bias", bias)]
    product, facts, artifact, path = built(bench, inputs, **SMALL)
    assert (artifact.media_type, facts.unit, facts.calibrations) == (
        "application/fits",
        "",
        (bias.product_id,),
    )
    assert product.provenance.job_id == bench.job("ptc", inputs, **SMALL).job_id
    fitted = product.table("AMPLIFIERS")
    for row, amplifier in enumerate(bench.instrument.geometry(0).amplifiers):
        assert fitted["AMPLIFIER"][row] == amplifier.name
        off = fitted["GAIN"][row] - amplifier.gain_e_per_adu
        assert abs(off) < 4 * fitted["GAIN_ERR"][row] < 0.1 * amplifier.gain_e_per_adu
    points = product.table("PAIRS")
    assert len(points) == 4 * len(LEVELS_E)
    rows = product.provenance.inputs
    for first, second, time_s in zip(points["FIRST"], points["SECOND"], points["EXPTIME"], strict=True):
        assert rows[first - 1].exptime_s == rows[second - 1].exptime_s == time_s
    (left,) = product.table("LEFTOVERS")["FRAME"]
    assert rows[left - 1].id == lone[0].id
    assert points["COV"].shape == (20, 2, 2)
    again = bench.workspace("again")
    compute(bench.job("ptc", inputs, **SMALL), again)
    assert (again.scratch / artifact.path).read_bytes() == path.read_bytes()


def plain_inputs(bench, frames, overscan="median"):
    """Give frames as a recipe gets them: arrays, exposure times and filters."""
    choices = parse_parameters(RECIPES["ptc"], {"overscan": f'"{overscan}"'})
    geometry, corrected = correction(bench.instrument, 0, choices, "electron")
    given = [
        FrameInput(f"frame {n}", ArrayRows(raw), time_s, None, of)
        for n, (raw, time_s, of) in enumerate(frames)
    ]
    return RecipeInputs(given, {}, geometry, corrected)


def settings(**changed):
    return RECIPES["ptc"].parameters(**(SMALL | changed))


def flat_field(bench, level_adu, scatter_adu=20.0):
    """Give an evenly lit raw frame over a pedestal, without an overscan's worth of noise."""
    shape = bench.instrument.geometry(0).raw_shape
    return (1000 + level_adu + bench.rng.normal(0, scatter_adu, shape)).astype(np.uint16)


def test_amplifiers_that_cannot_be_measured_say_why_and_the_others_go_on(bench):
    frames = []
    for time_s, level in ((1.0, 400.0), (2.0, 900.0), (4.0, 1600.0)):
        for _ in range(2):
            raw = flat_field(bench, 0.0, 3.0)
            first, second, *_ = bench.instrument.geometry(0).amplifiers
            for one in bench.instrument.geometry(0).amplifiers:
                light = bench.rng.normal(level, level**0.5, one.image.shape)
                raw[one.image.slices] = (1000 + light).astype(np.uint16)
            raw[first.image.slices] = 65535
            raw[second.image.slices] = 1500
            frames.append((raw, time_s, "r"))
    fitted = transfer(plain_inputs(bench, frames), settings()).tables[0]
    assert list(fitted["REASON"][:2]) == [
        "most pixels are saturated",
        "there is no noise: the amplifier is dead or its values are made up",
    ]
    assert np.isnan(fitted["GAIN"][:2]).all()
    assert list(fitted["REASON"][2:]) == ["", ""]
    assert np.isfinite(fitted["GAIN"][2:]).all()


EDGES = tuple(np.geomspace(300.0, 20_000.0, 7).tolist())


def spectra(bench, count):
    """Give flats whose light rises along the columns, with the noise of a gain of 1 over a pedestal."""
    frames = []
    for _ in range(count):
        raw = flat_field(bench, 0.0, 3.0)
        for one in bench.instrument.geometry(0).amplifiers:
            light = np.broadcast_to(np.geomspace(200.0, 25_000.0, one.image.shape[1]), one.image.shape)
            raw[one.image.slices] = (1000 + bench.rng.normal(light, np.sqrt(light))).astype(np.uint16)
        frames.append((raw, 1.0, "r"))
    return plain_inputs(bench, frames)


def test_flats_with_many_levels_give_a_curve_of_their_bins_and_a_gain_of_them_together(bench):
    given = spectra(bench, 4)
    curve = transfer(given, settings(level_edges=EDGES, least_pixels=100)).tables
    single = gain(given, RECIPES["gain"].parameters(level_edges=EDGES, least_pixels=100)).tables
    assert len(curve[1]["MEAN"]) == 4 * 2 * (len(EDGES) - 1)
    assert len(single[1]["MEAN"]) == 4 * 2
    for fitted in (curve[0], single[0]):
        assert list(fitted["REASON"]) == [""] * 4
        assert np.abs((fitted["GAIN"] - 1) / fitted["GAIN_ERR"]).max() < 4
        assert fitted["GAIN_ERR"].max() < 0.1


def test_edges_of_levels_ascend_and_give_no_covariances():
    for wrong, words in (
        ({"level_edges": "[300, 200]"}, "must ascend"),
        ({"level_edges": "[300]"}, "at least 2"),
        ({"level_edges": "[200, 300]", "model": '"full-covariance"'}, "bins have no covariances"),
    ):
        with pytest.raises(RecipeRefused, match=words):
            parse_parameters(RECIPES["ptc"], wrong)


def test_single_pairs_give_the_gain_and_a_slope_is_taken_out(bench):
    _, bias, _ = bench.build("bias", bench.biases(5))
    inputs = [*pairs(bench, 5_000.0, 20_000.0), bench.calibration("bias", bias)]
    found, sloped = (
        built(bench, inputs, recipe="gain", least_pixels=1000, slope=slope)[0] for slope in (0.0, 1e-4)
    )
    fitted = found.table("AMPLIFIERS")
    for row, amplifier in enumerate(bench.instrument.geometry(0).amplifiers):
        off = fitted["GAIN"][row] - amplifier.gain_e_per_adu
        assert abs(off) < 4 * fitted["GAIN_ERR"][row] < 0.1 * amplifier.gain_e_per_adu
        assert fitted["NOISE"][row] == pytest.approx(amplifier.read_noise_e, rel=0.1)
    assert list(fitted["NOISE_FROM"]) == ["overscan"] * 4
    assert list(fitted["MEASURED"]) == [2] * 4
    before, after = found.table("PAIRS"), sloped.table("PAIRS")
    np.testing.assert_allclose(after["GAIN"], before["GAIN"] * (1 - 1e-4 * before["MEAN"] / 100))


def test_without_overscan_the_nominal_noise_counts_and_a_dead_amplifier_has_no_gain(bench):
    geometry = bench.instrument.geometry(0)
    bare = Geometry(
        geometry.raw_shape,
        geometry.shape,
        tuple(replace(one, serial_overscan=None, parallel_overscan=None) for one in geometry.amplifiers),
    )
    frames = []
    for _ in range(2):
        raw = flat_field(bench, 4000.0, 50.0)
        raw[geometry.amplifiers[0].image.slices] = 5000
        frames.append((raw, 1.0, "r"))
    blank = np.zeros(geometry.shape, np.float32)
    given = plain_inputs(bench, frames)
    bias = Calibration("bias-1", Reference(blank, blank, blank.astype(np.uint32)))
    given = replace(
        given,
        geometry=bare,
        calibrations={"bias": bias},
        corrected=replace(given.corrected, overscan=Overscan("none")),
    )
    fitted = gain(given, RECIPES["gain"].parameters(least_pixels=1000)).tables[0]
    assert list(fitted["NOISE_FROM"]) == ["nominal"] * 4
    assert list(fitted["REASON"]) == [
        "there is no noise: the amplifier is dead or its values are made up",
        "",
        "",
        "",
    ]
    assert list(np.isfinite(fitted["GAIN"])) == [False, True, True, True]


def test_flats_of_two_filters_are_no_pair_and_without_a_time_none_at_all(bench):
    raw = flat_field(bench, 500.0)
    with pytest.raises(RecipeRefused, match="no two of the 3 flats"):
        transfer(plain_inputs(bench, [(raw, 1.0, "r"), (raw, 1.0, "g"), (raw, None, "g")]), settings())


def test_a_pedestal_that_stays_is_refused(bench):
    raw = flat_field(bench, 500.0)
    with pytest.raises(RecipeRefused, match="keep their pedestal"):
        transfer(plain_inputs(bench, [(raw, 1.0, "r")] * 2, overscan="none"), settings())


def test_a_flat_is_made_with_measured_gains_and_a_bias_by_others_goes_with_them(bench):
    """The frames keep their pedestal: a bias that was not brought to the new gains would leave most of it."""
    kept = {"overscan": "none"}
    _, bias, _ = bench.build("bias", bench.biases(5), **kept)
    measuring = [*pairs(bench, 5_000.0, 20_000.0), bench.calibration("bias", bias)]
    _, facts, _, path = built(bench, measuring, recipe="gain", least_pixels=1000, **kept)
    doubled = replace_gains(path, 2.0)
    bench.built[facts.product_id] = doubled
    flats = bench.flats(9_000.0, 9_100.0, 9_200.0)
    plain = [*flats, bench.calibration("bias", bias)]
    product, before, _ = bench.build("flat", plain, **kept)
    assert not fits.getheader(bench.built[product.provenance.product_id])["MEASGAIN"]
    product, after, _ = bench.build("flat", [*plain, bench.calibration("gain", facts)], **kept)
    levels = [[one.scale for one in each.frames] for each in (before, after)]
    np.testing.assert_allclose(levels[1], 2 * np.array(levels[0]), rtol=0.02)
    header = fits.getheader(bench.built[product.provenance.product_id])
    assert (header["MEASGAIN"], header["GAINPROD"]) == (True, facts.product_id)
    assert header["GAIN1"] == pytest.approx(
        2 * bench.instrument.geometry(0).amplifiers[0].gain_e_per_adu, rel=0.02
    )
    assert after.calibrations == (bias.product_id, facts.product_id)


def replace_gains(path, factor):
    """Write a product of gains anew, its gains multiplied."""
    product = read_product_tables(path)
    table = product.table("AMPLIFIERS")
    columns = tuple(
        replace(one, values=one.values * factor) if one.name == "GAIN" else one for one in table.columns
    )
    changed = replace(product, tables=(replace(table, columns=columns), *product.tables[1:]))
    write_product(path.with_name("changed.fits"), changed)
    return path.with_name("changed.fits")


def test_a_dark_removes_the_pedestal_where_it_holds_it(bench):
    geometry = bench.instrument.geometry(0)
    plane = Reference(np.zeros(geometry.shape, np.float32), None, None)
    unscaled, scaled = (
        RecipeInputs(
            [],
            {"dark": Calibration("dark-1", plane, per_second=per_second, dark_time_s=1.0)},
            geometry,
            Signature(overscan=Overscan("none")),
        )
        for per_second in (False, True)
    )
    check_level("ptc", unscaled, bias_and_dark(unscaled))
    with pytest.raises(RecipeRefused, match="ptc: the flats keep their pedestal"):
        check_level("ptc", scaled, bias_and_dark(scaled))
