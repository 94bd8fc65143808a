"""The crosstalk recipe: coefficients that frames were made with come back, and what cannot be measured says why."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from crosstalk_frames import BENT_PER_ADU, LEAKS, crosstalk, frames, product, truth

from calibrant.combine.building import compute as build
from calibrant.combine.facts import ProductFacts
from calibrant.combine.recipes.base import RecipeRefused
from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import load_instrument
from calibrant.frames.measured import with_measured
from calibrant.pixels import Geometry, Step, correct_frame
from calibrant.pixels.crosstalk import Reason


@pytest.fixture(scope="module")
def geometry():
    return load_instrument("simcam-tiny").geometry(0)


@pytest.fixture(scope="module")
def tables(geometry):
    """Give what sixteen frames give, measured in electrons."""
    return crosstalk(frames(geometry, 16), grow=3)


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
