"""Scales: rules, levels, and the solution over amplifiers and exposures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import (
    Amplifier,
    Box,
    FrameLevels,
    Geometry,
    Mask,
    Signature,
    Terms,
    combine_raw,
    correct_frame,
    frame_levels,
    frame_scales,
    frame_statistics,
    solve_exposures,
)


def quadrants(side=60):
    boxes = [Box(y, y + side, x, x + side) for y in (0, side) for x in (0, side)]
    amplifiers = tuple(
        Amplifier(f"A{index}", box, box, False, False, None, None, 1.0, 5.0, None)
        for index, box in enumerate(boxes)
    )
    return Geometry((2 * side, 2 * side), (2 * side, 2 * side), amplifiers)


@given(
    st.lists(st.floats(1, 1e5), min_size=1, max_size=8),
    st.lists(st.floats(0.1, 10), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_a_product_is_split_into_its_factors(exposures, responses, seed):
    counts = np.random.default_rng(seed).integers(900, 1100, (len(exposures), len(responses)))
    levels = np.outer(exposures, responses)
    found = solve_exposures(FrameLevels(levels, counts, tuple("abcdef")))
    mean = np.average(responses, weights=counts.sum(axis=0))
    np.testing.assert_allclose(found.exposures, np.multiply(exposures, mean), rtol=1e-9)
    np.testing.assert_allclose(found.responses, np.divide(responses, mean), rtol=1e-9)


def test_missing_levels_are_filled_by_the_others_and_noise_is_averaged():
    rng = np.random.default_rng(2)
    exposures, responses = rng.uniform(500, 2000, 30), np.array([0.8, 1.0, 1.1, 1.1])
    levels = np.outer(exposures, responses) * rng.normal(1, 0.01, (30, 4))
    counts = np.full(levels.shape, 1000)
    counts[3, 2], levels[3, 2] = 0, np.nan
    counts[5, 0], levels[5, 0] = 1, 1.0  # one of next to no weight is wrong
    found = solve_exposures(FrameLevels(levels, counts, tuple("abcd")), iterations=30)
    mean = np.average(responses, weights=counts.sum(axis=0))
    np.testing.assert_allclose(found.exposures, exposures * mean, rtol=0.02)
    np.testing.assert_allclose(found.responses, responses / mean, rtol=0.01)


def test_a_flat_keeps_the_structure_between_its_amplifiers():
    geometry, rng = quadrants(), np.random.default_rng(3)
    responses = np.array([0.9, 1.0, 1.05, 1.05])
    pattern = np.empty(geometry.shape)
    for amplifier, response in zip(geometry.amplifiers, responses, strict=True):
        pattern[amplifier.placed.slices] = response
    frames = [rng.poisson(pattern * light).astype(np.float32) for light in (5000, 9000, 20_000, 7000, 12_000)]
    frames[1][:20, :20] = 1e6  # a star
    measured = frame_levels(frames, geometry, Signature(), of="amplifier")
    assert measured.names == ("A0", "A1", "A2", "A3")
    solved = solve_exposures(measured)
    scales = frame_scales("input-list", 5, solved.exposures.tolist())
    flat = combine_raw(frames, geometry, Signature(), [Terms(scale=one) for one in scales], spread="mad")
    np.testing.assert_allclose(np.median(flat.combined.data / pattern), 1, rtol=1e-3)
    each = [Terms(scale=tuple(row)) for row in measured.levels.tolist()]
    levelled = combine_raw(frames, geometry, Signature(), each, spread="mad").combined.data
    for amplifier in geometry.amplifiers:
        assert np.median(levelled[amplifier.placed.slices]) == pytest.approx(1, rel=1e-3)


def test_levels_are_clipped_means_of_good_pixels():
    geometry, rng = quadrants(), np.random.default_rng(4)
    frame = rng.normal(700, 10, geometry.raw_shape).astype(np.float32)
    frame[5:9, 5:9] = 1e5
    defects = np.zeros(geometry.shape, np.uint32)
    defects[60:, 60:] = Mask.BAD
    signature = Signature(defects=defects)
    measured = frame_levels([frame] * 2, geometry, signature, of="amplifier")
    assert measured.counts[0, 3] == 0
    assert np.isnan(measured.levels[0, 3])
    assert measured.levels[0, 0] == pytest.approx(700, abs=0.6)
    assert 0 < 3600 - measured.counts[0, 0] < 60
    data = correct_frame(frame, geometry, signature).data
    for column, part in ((1, np.s_[:60, 60:]), (2, np.s_[60:, :60])):
        values = data[part].astype(float)
        lower, centre, upper = np.percentile(values, [25, 50, 75])
        kept = values[np.abs(values - centre) <= 3 * 0.741301109252801 * (upper - lower)]
        for _ in range(2):
            kept = values[np.abs(values - kept.mean()) <= 3 * kept.std(ddof=1)]
        assert measured.levels[1, column] == pytest.approx(kept.mean(), rel=1e-12)
        assert measured.counts[1, column] == kept.size
    whole = frame_levels([frame] * 2, geometry, signature)
    assert whole.levels.shape == (2, 1)
    assert whole.levels[0, 0] == pytest.approx(700, abs=0.5)


@pytest.mark.parametrize("statistic", ["clipped-mean", "median", "mean"])
def test_levels_are_those_of_the_statistics_of_each_frame_to_the_bit(statistic):
    geometry, rng = quadrants(), np.random.default_rng(5)
    frames = [rng.poisson(light, geometry.raw_shape).astype(np.uint16) for light in (300, 9000, 700)]
    measured = frame_levels(frames, geometry, Signature(), statistic=statistic, threads=2)
    for frame, level in zip(frames, measured.levels[:, 0], strict=True):
        whole = {"all": Box(0, 120, 0, 120)}
        found = frame_statistics(frame, geometry, Signature(), regions=whole, sigma=3.0).regions["all"]
        assert level == getattr(found, statistic.replace("-", "_"))


def test_overscans_that_levels_measured_are_not_measured_again():
    box = Box(0, 40, 8, 48)
    amplifier = Amplifier("A", box, Box(0, 40, 0, 40), False, False, Box(0, 40, 0, 8), None, 1.0, 5.0, None)
    geometry, rng = Geometry((40, 48), (40, 40), (amplifier,)), np.random.default_rng(6)
    frames = [rng.normal(1000, 5, geometry.raw_shape).astype(np.float32) for _ in range(4)]
    signature, terms = Signature(), [Terms(scale=one) for one in (1.0, 2.0, 3.0, 4.0)]
    apart = combine_raw(frames, geometry, signature, terms)
    measured = frame_levels(frames, geometry, signature)
    shared = combine_raw(frames, geometry, signature, terms, numbers=measured.numbers)
    np.testing.assert_array_equal(apart.combined.data, shared.combined.data)
    np.testing.assert_array_equal(apart.combined.variance, shared.combined.variance)
    assert shared.overscan is measured.numbers.measured
    with pytest.raises(ValueError, match="numbers: are of another geometry or signature"):
        combine_raw(frames, geometry, Signature(), terms, numbers=measured.numbers)
    with pytest.raises(ValueError, match="numbers of 4 frames"):
        combine_raw(frames[:3], geometry, signature, terms[:3], numbers=measured.numbers)


def test_a_level_of_an_unknown_statistic_is_refused():
    with pytest.raises(ValueError, match="statistic: 'mode', must be one of clipped-mean, median, mean"):
        frame_levels(np.ones((2, 120, 120)), quadrants(), Signature(), statistic="mode")


def test_every_rule():
    assert frame_scales("unity", 3) == [1.0, 1.0, 1.0]
    for rule in ("exposure-time", "dark-time", "mean-stats", "input-list"):
        assert frame_scales(rule, 2, [2.0, (3.0, 4.0)]) == [2.0, (3.0, 4.0)]
        with pytest.raises(ValueError, match=f"scaling '{rule}': none values for 2 frames"):
            frame_scales(rule, 2)
        with pytest.raises(ValueError, match=f"frame 1: {rule} is 0.0, must be above zero"):
            frame_scales(rule, 2, [1.0, 0.0])
    with pytest.raises(ValueError, match="scaling: 'median'"):
        frame_scales("median", 1)


def test_what_cannot_be_solved_is_named():
    levels, counts = np.ones((2, 2)), np.ones((2, 2), int)
    names = ("A", "B")
    dark = levels.copy()
    dark[1, 0] = -1
    with pytest.raises(ValueError, match="frame 1, A: level -1 is not above zero"):
        solve_exposures(FrameLevels(dark, counts, names))
    with pytest.raises(ValueError, match="frame 0: no pixel gives a level"):
        solve_exposures(FrameLevels(levels, counts * [[0], [1]], names))
    with pytest.raises(ValueError, match="B: no pixel of any frame"):
        solve_exposures(FrameLevels(levels, counts * [[1, 0]], names))
    with pytest.raises(ValueError, match="frames: shape"):
        frame_levels(np.ones((2, 3, 3)), quadrants(), Signature())
