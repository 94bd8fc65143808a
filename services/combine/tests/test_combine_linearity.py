"""The linearity recipe: the correction of simulated frames comes back in any unit, and what cannot be measured says why."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrant.combine.recipes import LINEARITY, parse_parameters
from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.linearity.recipe import compute
from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import load_instrument
from calibrant.frames.measured import with_measured
from calibrant.frames.measured.linearity import linearities
from calibrant.frames.times import NS_PER_S
from calibrant.frames.writing import (
    ProductTable,
    ProductTables,
    Provenance,
    TableColumn,
    read_product_tables,
    write_product,
)
from calibrant.pixels import ArrayRows, Polynomial, Terms, correct_frame
from calibrant.rules.classification import ImageType

DOCS = Path(__file__).parents[3] / "docs/linearity.md"
LEVEL_ADU, RATE_ADU_PER_S = 1000.0, 2400.0
MADE = Provenance("linearity-0123456789ab", "0" * 64, "linearity", "1", "0", "1" * 64)
TIMES_S = np.repeat(np.geomspace(0.1, 20.0, 18), 2)
TRUTH = {
    "A00": Polynomial((5e-7, 0.0)),
    "A01": Polynomial((4e-7, 3e-12)),
    "A10": Polynomial((-6e-7, 0.0)),
    "A11": Polynomial((7e-7, -4e-12)),
}
"""What corrects the amplifiers: up to 3 % of the signal."""

TINY = load_instrument("simcam-tiny")
GEOMETRY = TINY.geometry(0)


def read(light, truth):
    """Return what is read where so much light is: the inverse of the correction, by Newton's method."""
    signal = light.copy()
    for _ in range(8):
        step = 1e-3 * signal + 1e-3
        slope = (truth.apply(signal + step)[0] - truth.apply(signal - step)[0]) / (2 * step)
        signal = signal - (truth.apply(signal)[0] - light) / slope
    return signal


def flat(seconds, *, brightness=1.0, rng=None, amplifiers=TRUTH):
    """Return a raw frame in ADU, not digitised, whose overscan has the level alone."""
    raw = np.full(GEOMETRY.raw_shape, LEVEL_ADU)
    for one in GEOMETRY.amplifiers:
        light = np.full(one.image.shape, brightness * RATE_ADU_PER_S * seconds)
        if rng is not None:  # photons; read noise is of the converter, beyond what is not linear
            light = rng.poisson(light * one.gain_e_per_adu) / one.gain_e_per_adu
        raw[one.image.slices] += read(light, amplifiers[one.name])
    return raw.astype(np.float32)


def frame(number, raw, seconds, **told):
    facts = {"filter": "r", "image_type": ImageType.FLAT, "exposure_id": f"e{number}"} | told
    begin = number * 60 * NS_PER_S
    return FrameInput(f"f{number}", ArrayRows(raw), seconds, seconds, begin_tai_ns=begin, **facts)


def inputs(frames, unit="electron"):
    choices = parse_parameters(LINEARITY, {"unit": f'"{unit}"', "overscan": '"median"'})
    geometry, corrected = correction(TINY, 0, choices, unit)
    return RecipeInputs(frames, {}, geometry, corrected)


@pytest.fixture(scope="module")
def ramp():
    rng = np.random.default_rng(20260101)
    return [frame(number, flat(time, rng=rng), time) for number, time in enumerate(TIMES_S)]


def product(tmp_path, tables):
    """Give tables the way to a file and back."""
    path = tmp_path / "linearity.fits"
    head = {"instrument": "simcam-tiny", "detector": 0, "detector_name": "S00", "provenance": MADE}
    write_product(path, ProductTables(**head, kind="linearity", begin_tai_ns=1, end_tai_ns=2, tables=tables))
    return read_product_tables(path)


@pytest.mark.parametrize("curve", ["polynomial", "spline", "double-spline", "lookup"])
def test_non_linearity_of_some_percent_comes_back_and_a_flat_is_corrected_with_it(ramp, tmp_path, curve):
    parameters = LINEARITY.parameters(curve=curve, fit_shutter=False)
    measured = product(tmp_path, compute(inputs(ramp), parameters).tables)
    amplifiers = measured.table("AMPLIFIERS")
    assert list(amplifiers["REASON"]) == [""] * 4
    if curve == "polynomial":
        in_adu = compute(inputs(ramp, "adu"), parameters).tables[1]["VALUE"]
        np.testing.assert_allclose(measured.table("COEFFICIENTS")["VALUE"], in_adu, rtol=1e-3)
    light = np.geomspace(600.0, 46_000.0, 50)
    for unit in ("adu", "electron"):
        found = linearities(measured, GEOMETRY, unit)
        for one in GEOMETRY.amplifiers:
            gain = one.gain_e_per_adu if unit == "electron" else 1.0
            signal = read(light, TRUTH[one.name])
            assert np.abs(signal / light - 1).max() > 0.01
            corrected = found[one.name].apply(signal * gain)[0] / (gain * light)
            assert np.abs(corrected / np.median(corrected) - 1).max() < 2e-4, (unit, one.name)
        geometry, signature = with_measured(GEOMETRY, inputs(ramp, unit).corrected, {"linearity": measured})
        levels = [
            [
                correct_frame(flat(t), geometry, signature, Terms()).data[one.placed.slices].mean()
                for t in (1, 16)
            ]
            for one in GEOMETRY.amplifiers
        ]
        np.testing.assert_allclose([high / low for low, high in levels], 16, rtol=2e-4)
    assert (amplifiers["RESIDUAL"] < 0.1).all()
    assert (amplifiers["RES_NL"] < 0.05).all()
    assert (amplifiers["DEVIATION"] < 0.2).all()
    words = set(re.findall(r"[A-Z][A-Z0-9_]+", DOCS.read_text()))
    assert {one.name for table in measured.tables for one in (table, *table.columns)} <= words
    if curve == "polynomial":
        light = np.linspace(1000.0, 48_000.0, 100)
        deviations = [100 * (read(light, TRUTH[name]) / light - 1) for name in TRUTH]
        worst = [one[np.abs(one).argmax()] for one in deviations]
        np.testing.assert_allclose(amplifiers["MAX_NL"], worst, atol=0.05)


def found(frames, **chosen):
    """Return the tables of a linearity by name."""
    tables = compute(inputs(frames), LINEARITY.parameters(**chosen)).tables
    return {table.name: table for table in tables}


def test_the_shutter_and_a_lamp_that_is_followed_come_out_with_the_curve():
    times = np.repeat(np.geomspace(0.5, 18.0, 14), 2)
    frames = []
    for number, time in enumerate(np.ravel([(8.0, time) for time in times])):
        middle = number + time / 2 / 60  # one begins each minute
        lamp = 1 - 0.004 * middle + 2e-5 * middle**2
        frames.append(frame(number, flat(time + 0.04, brightness=lamp), time))
    tables = found(frames, lamp="polynomial", lamp_time_s=8.0)
    amplifiers = tables["AMPLIFIERS"]
    np.testing.assert_allclose(amplifiers["OFFSET"], 0.04, atol=4e-4)
    assert (amplifiers["DEVIATION"] < 0.02).all()
    light = np.geomspace(1000.0, 40_000.0, 50)
    coefficients = tables["COEFFICIENTS"]["VALUE"].reshape(-1, 2)
    for (name, truth), own in zip(TRUTH.items(), coefficients, strict=True):
        corrected = Polynomial(tuple(own)).apply(read(light, truth))[0] / light
        assert np.abs(corrected / np.median(corrected) - 1).max() < 5e-5, name
    assert (amplifiers["LAMP"] > 2).all()
    assert np.ptp(tables["EXPOSURES"]["BRIGHTNESS"]) > 0.1
    assert (found(frames)["AMPLIFIERS"]["DEVIATION"] > 2).all()  # a lamp taken for steady
    with pytest.raises(
        RecipeRefused, match=r"only 0 flats of 9 s follow the lamp; give the exposure time of more"
    ):
        found(frames, lamp="interpolated", lamp_time_s=9.0)


def test_signals_beyond_the_turnoff_of_a_curve_are_left_out(ramp):
    names = np.array([*TRUTH])
    turnoff = TableColumn("TURNOFF", np.array([30e3, 20e3, np.nan, np.nan]), "turnoff")
    curve = ProductTable("AMPLIFIERS", (TableColumn("AMPLIFIER", names, "name"), turnoff))
    head = {"instrument": "simcam-tiny", "detector": 0, "detector_name": "S00", "provenance": MADE}
    ptc = ProductTables(**head, kind="ptc", begin_tai_ns=1, end_tai_ns=2, tables=(curve,))
    given = replace(inputs(ramp), tables={"ptc": ptc})
    highest = compute(given, LINEARITY.parameters()).tables[0]["HIGHEST"]
    assert (highest[:2] < [30e3, 20e3]).all()
    assert (highest > [20e3, 13e3, 45e3, 45e3]).all()


def test_two_filters_are_tied_by_the_signals_that_they_share():
    bright, faint = np.geomspace(1.0, 20.0, 12), np.geomspace(2.0, 60.0, 12)
    frames = [frame(n, flat(time), time, filter="880") for n, time in enumerate(bright)]
    frames += [frame(20 + n, flat(time / 15), time, filter="nm0") for n, time in enumerate(faint)]
    tables = found(frames, fit_shutter=False, light_scatter=0.0)
    responses = tables["RESPONSES"]["RESPONSE"].reshape(4, 2)
    assert list(tables["RESPONSES"]["FILTER"][:2]) == ["880", "nm0"]
    np.testing.assert_allclose(responses[:, 0] / responses[:, 1], 15, rtol=1e-4)
    assert (tables["AMPLIFIERS"]["DEVIATION"] < 0.02).all()
    apart = [one for one in frames if one.filter == "880" or one.exptime_s < 10]
    with pytest.raises(
        RecipeRefused, match="no amplifier could be measured; A00: the signals of two filters"
    ):
        found(apart, fit_shutter=False)


@pytest.fixture(scope="module")
def unsteady():
    """Flats under a lamp that jumps, with a photodiode that sees it."""
    lamp = np.random.default_rng(5).uniform(0.97, 1.03, 24)
    times = np.geomspace(0.2, 16.0, 24)
    return [
        frame(n, flat(time, brightness=one), time, monitor=3e-9 * one * time, file_name=f"e{n}.fits")
        for n, (time, one) in enumerate(zip(times, lamp, strict=True))
    ]


@pytest.mark.parametrize(("key", "rate"), [(None, False), ("exposure_id", False), ("file_name", True)])
def test_a_photodiode_tells_the_light_in_headers_or_in_a_table(unsteady, key, rate):
    told = {"light": "monitor"}
    frames = unsteady
    if key is not None:
        over = {one.name: one.exptime_s if rate else 1 for one in unsteady}
        told["readings"] = {getattr(one, key): one.monitor / over[one.name] for one in unsteady}
        told["readings_are"] = "rate" if rate else "charge"
        frames = [replace(one, monitor=None) for one in unsteady]
    tables = found(frames, **told)
    assert (tables["AMPLIFIERS"]["DEVIATION"] < 0.02).all()
    assert set(tables["EXPOSURES"]["SOURCE"]) == {"monitor"}
    np.testing.assert_allclose(tables["EXPOSURES"]["LIGHT"], [one.monitor for one in unsteady])


def test_missing_readings_are_named_and_times_are_taken_only_where_that_is_allowed(unsteady):
    some = [replace(one, monitor=None) if n % 3 == 0 else one for n, one in enumerate(unsteady)]
    tables = found(some, light="monitor")
    assert list(tables["EXPOSURES"]["REASON"][:2]) == ["no reading of the monitor above zero", ""]
    assert (tables["AMPLIFIERS"]["POINTS"] == 16).all()
    few = [replace(one, monitor=None) if n > 2 else one for n, one in enumerate(unsteady)]
    why = r"A00: no photodiode reading of enough exposures; 21 of 24 flats have no reading of the monitor: give them"
    with pytest.raises(RecipeRefused, match=why):
        found(few, light="monitor")
    with pytest.raises(
        RecipeRefused, match=r"none of the 1 readings is of one of the 24 flats.* file e0\.fits"
    ):
        found(unsteady, light="monitor", readings={"another": 1.0})
    allowed = found(few, light="monitor", fall_back=True, light_scatter=0.02)
    assert set(allowed["EXPOSURES"]["SOURCE"]) == {"time"}


def test_an_amplifier_that_cannot_be_measured_says_why_and_keeps_what_it_has(ramp, tmp_path):
    frames = []
    for one in ramp:
        raw = one.rows.array.copy()
        first, second, third, _ = GEOMETRY.amplifiers
        raw[first.image.slices] = 65535.0
        raw[third.image.slices] = LEVEL_ADU
        raw[second.image.slices] = np.minimum(raw[second.image.slices], 6000.0)
        frames.append(replace(one, rows=ArrayRows(raw)))
    measured = product(tmp_path, compute(inputs(frames), LINEARITY.parameters()).tables)
    amplifiers = measured.table("AMPLIFIERS")
    assert list(amplifiers["REASON"]) == [
        "too many of its pixels are saturated in most exposures",
        "not monotonic: the signal does not rise with the light",
        "no exposure shows light: the amplifier is dead, or its level is not removed",
        "",
    ]
    assert list(amplifiers["SATURATED"]) == [36, 0, 0, 0]
    assert np.isfinite(amplifiers["HIGHEST"]).tolist() == [False, False, False, True]
    corrected = inputs(frames, "adu").corrected
    _, plain = with_measured(GEOMETRY, corrected, {"linearity": measured})
    assert plain.linearity["A00"] == Polynomial((0.0,))
    own = {name: Polynomial((1e-6,)) for name in TRUTH}
    _, kept = with_measured(GEOMETRY, replace(corrected, linearity=own), {"linearity": measured})
    assert kept.linearity["A00"] == own["A00"]
    assert kept.linearity["A11"] != own["A11"]
    with pytest.raises(ValueError, match="linearity: the frames keep their electronic level"):
        correction(TINY, 0, Choices(overscan="none"), "adu", {"linearity": measured})
    assert not correction(TINY, 0, Choices(linearity=False), "adu", {"linearity": measured})[1].linearity
