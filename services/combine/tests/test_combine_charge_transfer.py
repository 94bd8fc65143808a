"""The charge transfer recipe: the inefficiency that raw flats were made with comes back, and what cannot be measured says why."""

from dataclasses import replace

import numpy as np
import pytest

from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.charge_transfer.recipe import compute
from calibrant.frames.correcting import Choices, correction
from calibrant.frames.writing import ProductTables, Provenance
from calibrant.pixels import ArrayRows, correct_frame
from calibrant.rules.classification import ImageType

CTI, SETTLING_ADU = 1e-4, -4.0
LEVELS_ADU = (3_000.0, 10_000.0, 30_000.0)


@pytest.fixture
def geometry(bench):
    return bench.instrument.detector(0).geometry()


def frame(rng, geometry, level_adu, *, bounce=0.0):
    """Give a raw frame: the last column and row leave their part behind, and the level settles behind the image, always."""
    raw = rng.normal(1000.0, 3.4, geometry.raw_shape)
    for one in geometry.amplifiers:
        raw[one.image.slices] += rng.poisson(level_adu, one.image.shape)
        across, down = one.serial_overscan, one.parallel_overscan
        raw[across.y0 : across.y1, across.x0] += 65 * CTI * level_adu + SETTLING_ADU
        raw[down.y0, down.x0 : down.x1] += 65 * CTI * level_adu
        pixels = np.arange(1, across.shape[1] + 1)
        raw[across.slices] += bounce * level_adu * np.exp(-pixels / 3) * np.cos(1.2 * pixels)
    return raw.round().clip(0, 65535).astype(np.uint16)


def given(bench, flats, biases=()):
    """Give frames as the recipe gets them, whole overscans included."""
    choices = parse_parameters(RECIPES["cti"], {})
    cut, corrected = correction(bench.instrument, 0, choices, "electron")
    frames = [
        FrameInput(f"{kind} {n}", ArrayRows(raw), 1.0, None, "r", kind)
        for kind, raws in ((ImageType.BIAS, biases), (ImageType.FLAT, flats))
        for n, raw in enumerate(raws)
    ]
    whole = bench.instrument.detector(0).geometry()
    return RecipeInputs(frames, {}, cut, corrected, read_out=whole)


def built(inputs, **parameters):
    return {one.name: one for one in compute(inputs, RECIPES["cti"].parameters(**parameters)).tables}


def test_the_inefficiency_of_every_amplifier_comes_back_within_its_error(bench, geometry):
    """Above what biases have behind the image: without them it is far off."""
    flats = [frame(bench.rng, geometry, level) for level in LEVELS_ADU for _ in range(2)]
    biases = [frame(bench.rng, geometry, 0.0) for _ in range(5)]
    found = built(given(bench, flats, biases))
    for name in ("SERIAL", "PARALLEL"):
        table = found[name]
        assert list(table["AMPLIFIER"]) == [one.name for one in geometry.amplifiers]
        assert list(table["REASON"]) == list(table["MODEL_REASON"]) == [""] * 4
        assert (np.abs(table["CTI"] - CTI) < 4 * table["CTI_ERR"]).all()
        assert (table["CTI_ERR"] < 0.02 * CTI).all()
        assert table["LOSS_CTI"] == pytest.approx(CTI, rel=0.05)
        assert table["INEFF"] == pytest.approx(CTI, rel=0.06)
        assert (np.abs(table["FIXED"]) < 4 * table["FIXED_ERR"]).all()
        assert list(table["USED"]) == list(table["MEASURED"]) == [6] * 4
    levels = found["LEVELS"]
    assert len(levels) == 2 * 4 * 6
    assert sorted(set(levels["FRAME"])) == [6, 7, 8, 9, 10, 11]  # after five biases
    assert levels["MODEL"] == pytest.approx(levels["CHARGE"], abs=4 * levels["CHARGE_ERR"].max())
    assert (built(given(bench, flats))["SERIAL"]["FIXED"] < -2).all()


def test_a_bounce_is_recognised_and_not_taken_for_charge(bench, geometry):
    flats = [frame(bench.rng, geometry, level, bounce=0.01) for level in LEVELS_ADU]
    inputs = given(bench, flats, [frame(bench.rng, geometry, 0.0) for _ in range(5)])
    found, naive = (built(inputs, offset=offset)["SERIAL"] for offset in ("auto", "none"))
    assert list(found["OFFSET"]) == ["bounce"] * 4
    assert found["SCALE"] == pytest.approx(0.01, rel=0.1)
    assert (np.abs(found["CTI"] - CTI) < 4 * found["CTI_ERR"]).all()
    assert (np.abs(naive["CTI"] - CTI) > 6 * found["CTI_ERR"]).all()


def clocked(charge):
    """Read lines out along the last axis, one transfer after the other."""
    register, read = charge.astype(float), []
    for _ in range(charge.shape[1]):
        moved = (1 - CTI) * register
        read.append(moved[:, 0])
        register = CTI * register + np.pad(moved[:, 1:], ((0, 0), (0, 1)))
    return np.array(read).T


def read_out(rng, geometry, charge_adu):
    """Give a raw frame whose amplifiers all hold this charge, read out down the columns and along the rows."""
    raw = rng.normal(1000.0, 3.4, geometry.raw_shape)
    rows, columns = charge_adu.shape
    for one in geometry.amplifiers:
        across, down = one.serial_overscan, one.parallel_overscan
        field = np.zeros((rows + down.shape[0], one.prescan + columns + across.shape[1]))
        field[:rows, one.prescan : one.prescan + columns] = rng.poisson(charge_adu)
        field = clocked(clocked(field.T).T)
        lit = slice(one.prescan, one.prescan + columns)
        raw[one.image.slices] += field[:rows, lit]
        raw[across.slices] += field[:rows, lit.stop :]
        raw[down.slices] += field[rows:, lit]
    return raw.round().clip(0, 65535).astype(np.uint16)


def test_behind_an_edge_nothing_trails_any_more_in_a_frame_corrected_by_the_product(bench, geometry):
    flats = [read_out(bench.rng, geometry, np.full((64, 64), level)) for level in LEVELS_ADU]
    tables = compute(given(bench, flats), RECIPES["cti"].parameters()).tables
    product = ProductTables(
        kind="cti",
        instrument=bench.instrument.name,
        detector=0,
        detector_name="S00",
        provenance=Provenance("cti-1", "1" * 64, "cti", "1", "1", "1" * 64),
        begin_tai_ns=0,
        end_tai_ns=1,
        tables=tables,
    )
    scene = np.full((64, 64), 100.0)
    scene[16:48, 16:48] = 40_000.0
    raw = read_out(bench.rng, geometry, scene)
    for measured in ({}, {"cti": product}):
        where, removed = correction(bench.instrument, 0, Choices(), "adu", measured)
        found = correct_frame(raw, where, removed)
        for one in where.amplifiers:
            image = one.in_readout_order(found.data[one.placed.slices])
            behind = image[20:44, 48].mean() - 100, image[48, 20:44].mean() - 100
            error = np.hypot(3.4, 10) / 24**0.5
            if not measured:
                assert min(behind) > 30 * error
            else:
                assert np.abs(behind).max() < 4 * error


def spoilt(bench, geometry):
    """Give flats whose first three amplifiers are dead, saturated, and darker than their own pedestal."""
    flats = [frame(bench.rng, geometry, level) for level in LEVELS_ADU]
    for raw in flats:
        for one, value in zip(geometry.amplifiers, (1000, 65535, 400), strict=False):
            raw[one.image.slices] = value
    return flats


def test_amplifiers_that_cannot_be_measured_say_why_and_the_others_go_on(bench, geometry):
    found = built(given(bench, spoilt(bench, geometry)))
    dark, lines = "hold no significant signal", "lines are known, not saturated"
    for table in (found["SERIAL"], found["PARALLEL"]):
        for reason, says in zip(table["REASON"], (dark, lines, dark), strict=False):
            assert says in reason
        assert list(np.isnan(table["CTI"])) == [True, True, True, False]
        assert list(table["MODEL_REASON"] != "") == [True, True, True, False]
    assert ((found["LEVELS"]["REASON"] != "") == np.isnan(found["LEVELS"]["CTI"])).all()


def test_a_detector_of_which_nothing_can_be_measured_is_refused_with_the_first_reason(bench, geometry):
    inputs = given(bench, [frame(bench.rng, geometry, 1e4)] * 3)
    bare = tuple(replace(one, serial_overscan=None, parallel_overscan=None) for one in geometry.amplifiers)
    with pytest.raises(RecipeRefused, match="A00, serial: it has no overscan in this direction"):
        built(replace(inputs, read_out=replace(geometry, amplifiers=bare)))


def test_flats_of_one_level_give_an_inefficiency_and_say_what_they_do_not(bench, geometry):
    table = built(given(bench, [frame(bench.rng, geometry, 2e4)]))["PARALLEL"]
    assert table["CTI"] == pytest.approx(CTI, rel=0.05)
    assert list(table["MODEL"]) == ["inefficiency"] * 4
    assert np.isnan(table["LOSS_CTI"]).all()
    assert set(table["LOSS_REASON"]) == {"too few frames with a measurement"}


def test_defects_are_left_out_where_the_assembled_frame_has_them(bench, geometry):
    flats = [frame(bench.rng, geometry, level) for level in LEVELS_ADU]
    defects = np.zeros(geometry.shape, np.uint32)
    turned = next(one for one in geometry.amplifiers if one.flip_x and one.flip_y)
    for raw in flats:
        raw[turned.image.y0 : turned.image.y0 + 10, turned.image.x1 - 1] = 60_000
    defects[turned.placed.y1 - 10 : turned.placed.y1, turned.placed.x0] = 1
    inputs = given(bench, flats)
    inputs = replace(inputs, corrected=replace(inputs.corrected, defects=defects))
    levels = built(inputs)["LEVELS"]
    mine = (levels["AMPLIFIER"] == turned.name) & (levels["DIRECTION"] == "serial")
    assert levels["SIGNAL"][mine] == pytest.approx(LEVELS_ADU, rel=0.01)


def test_a_flat_without_noise_in_its_overscan_does_not_stop_the_others(bench, geometry):
    flats = [frame(bench.rng, geometry, level) for level in reversed(LEVELS_ADU)]
    flats[0][geometry.amplifiers[0].serial_overscan.slices] = 1000
    found = built(given(bench, flats))["SERIAL"]
    assert list(found["MODEL"]) == ["inefficiency"] * 4
    assert found["CTI"] == pytest.approx(CTI, rel=0.1)
