"""Crosstalk between detectors: measured where frames of several come together, and taken out of those that have the others'."""

import json
from dataclasses import replace

import numpy as np
import pytest
from crosstalk_frames import LEAKS, PEDESTAL_ADU, light, product, raw_frame, truth

from calibrant.combine.building import compute as build
from calibrant.combine.facts import ProductFacts
from calibrant.combine.inputs import InputRefused
from calibrant.combine.recipes.crosstalk.tables import tables_of
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import Instrument
from calibrant.frames.measured import with_measured
from calibrant.frames.writing import (
    read_product,
    read_product_tables,
    write_product,
)
from calibrant.pixels.crosstalk import CrosstalkMatrix, Reason

BETWEEN = np.random.default_rng(4).uniform(1e-4, 4e-4, (4, 4)) * np.array([1, -1, 1, 0])
"""ADU of a victim in detector 0 for each ADU of a source in detector 1; the last of these leaks nothing."""


@pytest.fixture
def pair(bench):
    """Give the bench of a camera whose two detectors share their electronics."""
    describe(bench, crosstalk_groups=[[0, 1]])
    return bench


def describe(bench, **changes):
    """Describe the bench's camera in another way."""
    described = bench.instrument.model_dump(mode="json") | changes
    bench.instrument = Instrument.model_validate_json(json.dumps(described))
    instruments = bench.folder / "instruments"
    instruments.mkdir(exist_ok=True)
    (instruments / f"{bench.instrument.name}.yaml").write_text(bench.instrument.canonical())


def exposures_of_both(bench, count):
    """Take spots with both detectors; give the frames of detector 0, and those of detector 1 as sources."""
    rng, own, sources = np.random.default_rng(12), [], []
    geometries = [bench.instrument.geometry(detector) for detector in (0, 1)]
    gains = [np.array([one.gain_e_per_adu for one in each.amplifiers]) for each in geometries]
    for number in range(count):
        lights = [np.stack([light(rng, (64, 64), 10, 5.0) for _ in range(4)]) for _ in geometries]
        heard = np.tensordot(BETWEEN, lights[1] / gains[1][:, None, None], 1) * gains[0][:, None, None]
        for detector, shown in enumerate((lights[0] + heard, lights[1])):
            raw = raw_frame(rng, geometries[detector], shown, leaks=(1 - detector) * LEAKS / 5)
            taken = bench.frame("spot", 5.0, raw=raw, DETECTOR=detector, EXPID=f"both-{number}")
            (sources if detector else own).append(taken)
    return own, [one.model_copy(update={"role": "sources"}) for one in sources]


def made(bench, inputs, recipe="crosstalk", **parameters):
    number = len(list((bench.folder / "scratch").glob("*")))
    config = {"instruments": str(bench.folder / "instruments")}
    workspace = replace(bench.workspace(f"between-{number}"), config=config)
    outcome = build(bench.job(recipe, inputs, **parameters), workspace)
    path, facts = workspace.scratch / outcome.artifacts[0].path, ProductFacts.model_validate(outcome.data)
    bench.built[facts.product_id] = path
    return (read_product_tables if recipe == "crosstalk" else read_product)(path), facts


def test_what_leaks_from_another_detector_comes_back_beside_what_leaks_within(pair):
    own, sources = exposures_of_both(pair, 8)
    product, facts = made(pair, [*own, *sources], grow=3, bright=3000.0)
    between, gains = product.table("BETWEEN"), []
    for detector in (0, 1):
        amplifiers = pair.instrument.geometry(detector).amplifiers
        gains.append(np.array([one.gain_e_per_adu for one in amplifiers]))
    expected = (BETWEEN * gains[0][:, None] / gains[1]).ravel()
    assert list(between["DETECTOR"]) == [1] * 16
    assert np.abs((between["C0"] - expected) / between["C0_ERR"]).max() < 4
    assert np.sqrt(np.mean((between["C0"] - expected) ** 2)) < 1e-5
    assert list(between["SIGNIFICANT"]) == [True, True, True, False] * 4
    assert not between["REST_SIGNIFICANT"].any()
    within = product.table("PAIRS")
    off = within["C0"] - truth(within, pair.instrument.geometry(0)) / 5
    assert np.sqrt(np.mean(off**2)) < 1e-5
    assert (len(facts.frames), facts.calibrations) == (8, ())
    assert [one.role for one in product.provenance.inputs] == ["frames"] * 8 + ["sources"] * 8


def test_sources_that_are_of_no_frame_of_the_job_or_of_a_detector_apart_are_refused(pair):
    own, sources = exposures_of_both(pair, 4)
    with pytest.raises(InputRefused, match="is of exposure both-3, of which the job has no frames"):
        made(pair, [*own[:3], sources[3]])
    raw = np.full(pair.instrument.geometry(1).raw_shape, PEDESTAL_ADU).astype(np.uint16)
    twin = pair.frame("spot", 5.0, raw=raw, DETECTOR=1, EXPID="both-0").model_copy(update={"role": "sources"})
    with pytest.raises(InputRefused, match="exposure both-0 has two frames of detector 1"):
        made(pair, [*own[:3], sources[0], twin])
    stray = own[3].model_copy(update={"role": "sources"})
    with pytest.raises(InputRefused, match=r"may leak into detector 0 \(1\)"):
        made(pair, [*own[:3], stray])
    biases = [pair.frame("bias", 0.0) for _ in range(3)]
    with pytest.raises(InputRefused, match="no input of role 'sources' fits"):
        made(pair, [*biases, sources[0]], "bias")


def test_an_exposure_without_its_source_tells_of_what_leaks_within_alone(pair):
    own, sources = exposures_of_both(pair, 4)
    product, _ = made(pair, [*own, *sources[:3]], grow=3, bright=3000.0)
    exposures = product.table("EXPOSURES")
    assert list(exposures["MEASURED"]) == [28, 28, 28, 12]
    assert product.table("BETWEEN")["PIXELS"].min() > 0


FLAT_E = 9_000.0


def lit_beside_spots(bench, count):
    """Take flats with detector 0 while 1 sees spots; give them with what leaks, without it, and those of 1 as sources."""
    leaky, clean, sources = [], [], []
    geometries = [bench.instrument.geometry(detector) for detector in (0, 1)]
    gains = [np.array([one.gain_e_per_adu for one in each.amplifiers]) for each in geometries]
    for number in range(count):
        rng = np.random.default_rng(20 + number)
        lit = rng.poisson(FLAT_E, (4, 64, 64)).astype(float)
        spots = np.stack([light(rng, (64, 64), 10, 5.0) for _ in range(4)])
        heard = np.tensordot(BETWEEN, spots / gains[1][:, None, None], 1) * gains[0][:, None, None]
        for into, shown in ((clean, lit), (leaky, lit + heard)):
            raw = raw_frame(np.random.default_rng(number), geometries[0], shown, leaks=LEAKS / 5)
            into.append(bench.frame("flat", 5.0, raw=raw, EXPID=f"lit-{number}"))
        raw = raw_frame(rng, geometries[1], spots, leaks=0 * LEAKS)
        beside = bench.frame("flat", 5.0, raw=raw, DETECTOR=1, EXPID=f"lit-{number}")
        sources.append(beside.model_copy(update={"role": "sources"}))
    return leaky, clean, sources


def known_product(bench, unit, between=BETWEEN):
    """Give the product that says exactly what leaks, of both detectors' amplifiers."""
    geometries = [bench.instrument.geometry(detector) for detector in (0, 1)]
    names = tuple(one.name for one in geometries[0].amplifiers)
    far = tuple(f"1/{one.name}" for one in geometries[1].amplifiers)
    gains = {one.name: one.gain_e_per_adu for one in geometries[0].amplifiers}
    beside = {name: one.gain_e_per_adu for name, one in zip(far, geometries[1].amplifiers, strict=True)}
    coefficients = np.concatenate([np.where(np.eye(4), np.nan, LEAKS / 5), between], axis=1)[..., None]
    covariance = np.where(np.isnan(coefficients), np.nan, 1e-16)[..., None]
    own = [[Reason.SAME_AMPLIFIER if v == s else Reason.MEASURED for s in names + far] for v in names]
    count, reasons = np.full((4, 8), 100), tuple(map(tuple, own))
    exact = CrosstalkMatrix(names, names + far, coefficients, covariance, count, reasons, "adu")
    exact = exact.in_unit(unit, gains | beside)
    told = product(tables_of(exact, exact, [exact], 5.0, beside), unit)
    path = bench.folder / f"known-{len(bench.built)}.fits"
    write_product(path, told)
    bench.built["crosstalk-1"] = path
    ref = bench.objects.put_if_absent(f"products/{path.name}", path, "application/fits")
    return JobInput(role="crosstalk", id="crosstalk-1", ref=ref)


def test_what_other_detectors_read_is_not_taken_out_with_their_electronic_level(pair):
    matrix = known_product(pair, "adu")
    leaky, _, beside = lit_beside_spots(pair, 3)
    own, blind = pair.instrument.model_dump(mode="json")["detectors"]
    for one in blind["amplifiers"]:
        one["serial_overscan"] = one["parallel_overscan"] = None
    describe(pair, detectors=[own, blind])
    with pytest.raises(InputRefused, match="of detector 1: the frames keep their electronic level"):
        made(pair, [*leaky, *beside, matrix], "flat")


@pytest.mark.parametrize(("unit", "told_in"), [("electron", "adu"), ("adu", "electron")])
def test_what_another_detector_leaks_is_taken_out_of_frames_that_have_its(pair, unit, told_in):
    matrix = known_product(pair, told_in)
    leaky, clean, beside = lit_beside_spots(pair, 3)
    asked = {"unit": unit, "statistic": "mean"}
    without, _ = made(pair, [*clean, matrix], "flat", **asked)
    kept, _ = made(pair, [*leaky, matrix], "flat", **asked)
    removed, told = made(pair, [*leaky, *beside, matrix], "flat", **asked)
    off, on = ((one.data - without.data).ravel() * FLAT_E for one in (kept, removed))
    assert np.abs(off).max() > 8  # electrons of the mean of three
    assert np.abs(on).max() < 1.5  # of numbers that are rounded
    assert abs(on @ off / (off @ off)) < 0.01  # of what leaked
    assert (without.between, kept.between, removed.between) == (False, False, True)
    assert [one.role for one in told.inputs] == ["frames"] * 3 + ["sources"] * 3 + ["crosstalk"]
    some, _ = made(pair, [*leaky, *beside[:2], matrix], "flat", **asked)
    left = (some.data - without.data).ravel() * FLAT_E
    assert not some.between
    assert 0.2 < left @ off / (off @ off) < 0.5  # a third of the frames keep theirs


def test_a_product_claims_what_its_matrix_tells_of_every_detector(pair):
    matrix = known_product(pair, "adu")
    leaky, _, beside = lit_beside_spots(pair, 3)
    quiet = known_product(pair, "adu", 0 * BETWEEN)
    product, facts = made(pair, [*leaky, *beside, quiet], "flat")
    assert {one.role for one in facts.inputs} == {"frames", "crosstalk"}  # nothing leaks: nothing is read
    assert product.between
    one, two = pair.instrument.model_dump(mode="json")["detectors"]
    third = two | {"id": 2, "name": "S02", "position": two["position"] | {"column": 2.0}}
    describe(pair, detectors=[one, two, third], crosstalk_groups=[[0, 1, 2]])
    product, facts = made(pair, [*leaky, *beside, matrix], "flat")
    assert [one.role for one in facts.inputs].count("sources") == 3
    assert not product.between  # of the third it says nothing


def test_a_matrix_without_the_gains_of_its_sources_is_to_be_built_again(pair):
    known_product(pair, "electron")
    whole = read_product_tables(pair.built["crosstalk-1"])
    between = whole.table("BETWEEN")
    nameless = replace(between, columns=tuple(one for one in between.columns if one.name != "SOURCE_GAIN"))
    tables = tuple(nameless if one.name == "BETWEEN" else one for one in whole.tables)
    geometry = pair.instrument.geometry(0)
    _, plain = correction(pair.instrument, 0, Choices(), "electron")
    with pytest.raises(ValueError, match=r"BETWEEN has no column SOURCE_GAIN; .* build it again with"):
        with_measured(geometry, plain, {"crosstalk": replace(whole, tables=tables)})
