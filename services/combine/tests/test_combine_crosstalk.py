"""The crosstalk recipe: coefficients that frames were made with come back, and what cannot be measured says why."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine.building import compute as build
from calibrant.combine.facts import ProductFacts
from calibrant.combine.inputs import InputRefused
from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.crosstalk.recipe import compute
from calibrant.combine.recipes.crosstalk.tables import tables_of
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.measured import with_measured
from calibrant.frames.writing import (
    ProductAmplifier,
    ProductTables,
    Provenance,
    read_product,
    read_product_tables,
    write_product,
)
from calibrant.pixels import ArrayRows, Geometry, Step, correct_frame
from calibrant.pixels.crosstalk import CrosstalkMatrix, Reason
from calibrant.rules.classification import ImageType

LEAKS = np.where(~np.eye(4, dtype=bool), np.random.default_rng(3).uniform(-1e-3, 2e-3, (4, 4)), 0)
"""ADU of a victim for each ADU of a source."""
BENT_PER_ADU = 1e-5
PEDESTAL_ADU = 1000.0


@pytest.fixture(scope="module")
def geometry():
    return load_instrument("simcam-tiny").geometry(0)


def light(rng, shape, spots=4, level_e=60.0):
    """Give what an amplifier collects, in electrons, the pixel that is read first at the first place."""
    y, x = np.indices(shape)
    expected = np.full(shape, level_e)
    for cy, cx in rng.uniform(4, min(shape) - 4, (spots, 2)):
        expected += rng.uniform(5e4, 9e4) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 1.8**2))
    return rng.poisson(expected).astype(float)


def raw_frame(rng, geometry, lights, bent_per_adu=0.0, leaks=LEAKS):
    """Read a frame out: what an amplifier delivers has its part of all others'."""
    gains = np.array([one.gain_e_per_adu for one in geometry.amplifiers])
    signals = lights / gains[:, None, None]
    shown = signals + np.tensordot(leaks, signals * (1 + bent_per_adu * signals), 1)
    raw = np.full(geometry.raw_shape, PEDESTAL_ADU)
    for one, plane in zip(geometry.amplifiers, shown, strict=True):
        raw[one.image.slices] += plane
    raw += rng.normal(0, 3.3, raw.shape)
    return raw.round().clip(0, 65535).astype(np.uint16)


def frames(geometry, count, change=lambda lights: None, **made):
    """Give raw frames of spots; `change` changes what their amplifiers collect, in place."""
    rng, shape = np.random.default_rng(11), geometry.amplifiers[0].image.shape
    found = []
    for _ in range(count):
        lights = np.stack([light(rng, shape) for _ in geometry.amplifiers])
        change(lights)
        found.append(raw_frame(rng, geometry, lights, **made))
    return found


def crosstalk(raws, geometry=None, memory_bytes=0, **parameters):
    """Follow the recipe; give its three tables."""
    recipe, instrument = RECIPES["crosstalk"], load_instrument("simcam-tiny")
    settled = parse_parameters(recipe, {name: str(value) for name, value in parameters.items()})
    whole, corrected = correction(instrument, 0, settled, settled.unit)
    given = [
        FrameInput(f"frame {n}", ArrayRows(raw), 5.0, 5.0, image_type=ImageType.SPOT)
        for n, raw in enumerate(raws)
    ]
    return compute(RecipeInputs(given, {}, geometry or whole, corrected, memory_bytes), settled).tables


@pytest.fixture(scope="module")
def tables(geometry):
    """Give what sixteen frames give, measured in electrons."""
    return crosstalk(frames(geometry, 16), grow=3)


def truth(pairs, geometry, unit="electron"):
    """Give the coefficients of the rows of a table, in a unit."""
    names = [one.name for one in geometry.amplifiers]
    gains = np.array([one.gain_e_per_adu for one in geometry.amplifiers])
    v, s = ([names.index(one) for one in pairs[column]] for column in ("AMPLIFIER", "SOURCE"))
    return LEAKS[v, s] * (gains[v] / gains[s] if unit == "electron" else 1)


def test_coefficients_come_back_and_nothing_significant_is_left(geometry, tables):
    amplifiers, pairs, exposures = tables
    assert len(pairs) == 12
    off = pairs["C0"] - truth(pairs, geometry)
    assert np.abs(off).max() < 1e-5
    assert np.abs(off / pairs["C0_ERR"]).max() < 4
    assert pairs["C0_ERR"].max() < 2e-5
    assert not pairs["REST_SIGNIFICANT"].any()
    assert np.abs(pairs["REST_C0"] / pairs["REST_C0_ERR"]).max() < 5
    assert set(pairs["REASON"]) == set(pairs["REST_REASON"]) == {""}
    assert list(amplifiers["MEASURED"]) == list(amplifiers["SOURCES"]) == [3] * 4
    assert list(amplifiers["LEFT"]) == [0] * 4
    strongest = np.abs(LEAKS).argmax(axis=1)
    assert list(amplifiers["LARGEST_OF"]) == [geometry.amplifiers[s].name for s in strongest]
    assert list(exposures["FRAME"]) == list(range(1, 17))
    assert exposures["PIXELS"].sum() == pairs["PIXELS"].sum()


@pytest.mark.parametrize(("terms", "left"), [(1, True), (2, False)])
def test_a_leak_of_the_square_is_left_over_unless_it_is_asked_for(geometry, terms, left):
    amplifiers, pairs, _ = crosstalk(
        frames(geometry, 4, bent_per_adu=BENT_PER_ADU), unit='"adu"', terms=terms
    )
    assert pairs["REST_SIGNIFICANT"].any() == left == (amplifiers["LEFT"].sum() > 0)
    if terms == 2:
        linear = truth(pairs, geometry, "adu")
        assert np.abs((pairs["C0"] - linear) / pairs["C0_ERR"]).max() < 4
        assert np.abs((pairs["C1"] - linear * BENT_PER_ADU) / pairs["C1_ERR"]).max() < 4


def test_who_takes_out_only_the_largest_leaks_is_told_what_is_left(geometry):
    amplifiers, pairs, _ = crosstalk(frames(geometry, 4), significance=1000)
    assert not pairs["SIGNIFICANT"].any()
    assert amplifiers["LEFT"].sum() > 0


def test_what_cannot_be_measured_says_why_and_the_others_go_on(geometry):
    def changed(lights):
        lights[0] = 0
        lights[1] = np.where(lights[1] > 5000, 2e5, lights[1])

    dead, blinded, *_ = (one.name for one in geometry.amplifiers)
    raws = frames(geometry, 3, change=changed)
    amplifiers, pairs, _ = crosstalk(raws, grow=3)
    reason = dict(zip(zip(pairs["AMPLIFIER"], pairs["SOURCE"], strict=True), pairs["REASON"], strict=True))
    assert {why for (_, source), why in reason.items() if source == dead} == {Reason.NO_BRIGHT_PIXELS}
    assert {why for (_, source), why in reason.items() if source == blinded} == {Reason.SATURATED_SOURCES}
    rest = [why for (_, source), why in reason.items() if source not in {dead, blinded}]
    assert rest == [""] * 6
    assert list(np.isnan(pairs["C0"])) == [bool(one) for one in pairs["REASON"]]
    assert list(np.isnan(pairs["REST_C0"])) == [bool(one) for one in pairs["REST_REASON"]]
    assert set(amplifiers["REASON"]) == {""}


def test_fewer_pixels_are_used_where_that_is_asked_for_and_never_because_memory_is_short(geometry):
    raws = frames(geometry, 1)
    plenty, fewer, short = (
        crosstalk(raws, memory_bytes=given, bright=1000.0, grow=3, most_pixels=most)[1]
        for given, most in ((0, 100_000), (0, 800), (1_000_000, 100_000))
    )
    assert fewer["PIXELS"].sum() < plenty["PIXELS"].sum()
    assert np.nanmax(np.abs((fewer["C0"] - truth(fewer, geometry)) / fewer["C0_ERR"])) < 4
    for name in ("C0", "C0_ERR", "PIXELS"):  # the job's id does not know how much memory it had
        np.testing.assert_array_equal(short[name], plenty[name])


@pytest.mark.parametrize(
    ("changed", "parameters", "message"),
    [
        ({"change": lambda lights: lights.fill(60.0)}, {}, "no bright pixels in the source"),
        ({}, {"overscan": '"none"'}, "keep their pedestal"),
    ],
)
def test_frames_that_say_nothing_are_refused(geometry, changed, parameters, message):
    with pytest.raises(RecipeRefused, match=message):
        crosstalk(frames(geometry, 3, **changed), **parameters)


def test_a_detector_with_one_amplifier_and_a_wrong_frame_are_refused(geometry):
    lone = Geometry(geometry.raw_shape, geometry.amplifiers[0].placed.shape, geometry.amplifiers[:1])
    with pytest.raises(RecipeRefused, match="one amplifier"):
        crosstalk(frames(geometry, 1), lone)
    with pytest.raises(RecipeRefused, match="frame 0"):
        crosstalk([np.zeros((3, 3), np.uint16)])


def product(tables, unit):
    amplifiers = load_instrument("simcam-tiny").geometry(0).amplifiers
    return ProductTables(
        kind="crosstalk",
        instrument="simcam-tiny",
        detector=0,
        detector_name="S00",
        provenance=Provenance(
            "crosstalk-1", "1" * 64, "crosstalk", "1", "1", "1" * 64, parameters={"unit": unit}
        ),
        begin_tai_ns=0,
        end_tai_ns=1,
        amplifiers=tuple(
            ProductAmplifier(one.name, one.gain_e_per_adu, one.read_noise_e) for one in amplifiers
        ),
        tables=tables,
    )


@pytest.mark.parametrize(("made", "applied", "most_adu"), [("electron", "adu", 3), ("adu", "electron", 12)])
def test_what_was_measured_is_taken_out_of_frames_in_any_unit_and_by_other_gains(
    geometry, tables, made, applied, most_adu
):
    if made == "adu":
        tables = crosstalk(frames(geometry, 3), grow=3, unit='"adu"')
    with_leaks, without = (frames(geometry, 1, leaks=leaks)[0] for leaks in (LEAKS, 0 * LEAKS))
    _, plain = correction(load_instrument("simcam-tiny"), 0, Choices(), applied)
    gains = [replace(one, gain_e_per_adu=2 + n / 3) for n, one in enumerate(geometry.amplifiers)]
    other, removing = with_measured(
        replace(geometry, amplifiers=tuple(gains)), plain, {"crosstalk": product(tables, made)}
    )
    assert list(removing.barriers) == [Step.CROSSTALK]
    kept, removed = (correct_frame(with_leaks, other, one) for one in (plain, removing))
    clean = correct_frame(without, other, plain).data
    good = removed.mask == 0  # not where a source is saturated
    scale = 1 if applied == "adu" else 3
    assert np.abs(kept.data - clean)[good].max() > 30 * scale
    assert np.abs(removed.data - clean)[good].max() < most_adu * scale


def test_a_product_of_other_amplifiers_is_refused_by_its_name(geometry, tables):
    _, plain = correction(load_instrument("simcam-tiny"), 0, Choices(), "electron")
    renamed = tuple(replace(one, name=f"B{n}") for n, one in enumerate(geometry.amplifiers))
    with pytest.raises(ValueError, match="crosstalk-1: its table PAIRS says nothing of amplifier B0"):
        with_measured(
            replace(geometry, amplifiers=renamed), plain, {"crosstalk": product(tables, "electron")}
        )


def test_frames_that_keep_their_level_are_not_corrected(tables):
    given = {"crosstalk": product(tables, "electron")}
    with pytest.raises(ValueError, match="crosstalk-1: the frames keep their electronic level"):
        correction(load_instrument("simcam-tiny"), 0, Choices(overscan="none"), "electron", given)


def test_a_flat_is_made_with_the_matrix_and_says_so(bench, geometry):
    spots = [bench.frame("spot", 5.0, raw=raw) for raw in frames(geometry, 3)]
    job = bench.job("crosstalk", spots)
    workspace = bench.workspace("crosstalk")
    outcome = build(job, workspace)
    facts = ProductFacts.model_validate(outcome.data)
    bench.built[facts.product_id] = workspace.scratch / outcome.artifacts[0].path
    assert (facts.parameters["linearity"], facts.parameters["crosstalk"]) == (False, False)
    matrix = bench.calibration("crosstalk", facts)
    _, _, path = bench.build("flat", [*bench.flats(9_000.0, 9_000.0, 9_000.0), matrix])
    head = fits.getheader(path)
    assert (head["CROSSTLK"], head["XTLKPROD"]) == (True, facts.product_id)


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
