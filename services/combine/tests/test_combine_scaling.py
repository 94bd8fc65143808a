"""What each flat is divided by: every rule against the simulated light, and how often a file is read for it."""

import numpy as np
import pytest

from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.pixels import ArrayRows, Overscan, Signature


def scales(facts):
    return [one.scale for one in facts.frames]


def test_exposure_times_weigh_frames_and_the_result_has_the_level_one(bench):
    inputs = [bench.frame("flat", time_s, 2000.0 * time_s) for time_s in (2.0, 4.0, 8.0)]
    product, facts, _ = bench.build("flat", inputs, scaling="exposure-time", normalise="combined")
    first, second, third = scales(facts)
    assert (second / first, third / first) == pytest.approx((2.0, 4.0))
    assert first == pytest.approx(4000.0, rel=0.01)
    assert np.mean(product.data) == pytest.approx(1.0, abs=1e-3)


def test_an_exposure_of_no_time_cannot_be_scaled_by_it(bench):
    flats = [*bench.flats(9000.0, 9000.0), bench.frame("flat", 0.0, 9000.0)]
    with pytest.raises(
        RecipeRefused, match=r"sim-\d+\.fits .*an exposure time of 0 s; choose another scaling"
    ):
        bench.build("flat", flats, scaling="exposure-time", normalise="combined")


def test_a_list_of_scales_is_taken_as_it_is(bench):
    given = [9000.0, 18_000.0, 27_000.0]
    inputs = bench.flats(*given)
    product, facts, _ = bench.build("flat", inputs[::-1], scaling="input-list", scales=given)
    assert scales(facts) == given
    assert np.mean(product.data) == pytest.approx(1.0, rel=0.01)
    with pytest.raises(RecipeRefused, match="scales: 2 numbers, but there are 3 frames"):
        bench.build("flat", inputs, scaling="input-list", scales=given[:2])


def test_levels_may_be_taken_before_the_result_is_divided_too(bench):
    inputs = bench.flats(2000.0, 9000.0, 40_000.0)
    product, facts, _ = bench.build("flat", inputs, scaling="mean-stats", normalise="combined")
    assert scales(facts) == pytest.approx([2012.0, 9012.0, 40_012.0], rel=0.005)
    assert product.normalisation == "combined"


@pytest.mark.parametrize("statistic", ["minmax-mean", "weighted-mean"])
def test_statistics_of_a_pixels_samples_alone_take_the_clipped_mean_as_level(bench, statistic):
    inputs = bench.flats(9000.0, 9000.0, 9000.0)
    options = {"weights": [1, 1, 2]} if statistic == "weighted-mean" else {}
    _, default, _ = bench.build("flat", inputs)
    for normalise in ("each", "combined"):
        product, facts, _ = bench.build("flat", inputs, statistic=statistic, normalise=normalise, **options)
        assert np.mean(product.data) == pytest.approx(1.0, abs=1e-3)
        if normalise == "each":
            assert scales(facts) == scales(default)


def test_the_solution_divides_by_the_exposures_and_keeps_the_structure_of_the_amplifiers(bench):
    levels = [4000.0, 9000.0, 16_000.0]
    product, facts, _ = bench.build("flat", bench.flats(*levels), scaling="solution")
    assert scales(facts) == pytest.approx([level + 12.0 for level in levels], rel=0.01)
    means = [product.data[a.placed.slices].mean() for a in bench.instrument.geometry(0).amplifiers]
    assert np.mean(means) == pytest.approx(1.0, abs=2e-3)


def test_the_solution_of_frames_without_light_names_the_frame(bench):
    _, bias, _ = bench.build("bias", bench.biases(3), overscan="none")
    flats = [bench.frame("flat", 0.0) for _ in range(3)]
    with pytest.raises(RecipeRefused, match=r"sim-\d+\.fits .*is not above zero; is it a flat"):
        bench.build("flat", [*flats, bench.calibration("bias", bias)], overscan="none", scaling="solution")


def saturated(bench, *amplifiers):
    """Give flats with nothing but saturated pixels in some amplifiers."""
    geometry = bench.instrument.geometry(0)
    raw = np.random.default_rng(1).normal(9000, 90, geometry.raw_shape).astype(np.float32)
    for amplifier in geometry.amplifiers:
        raw[amplifier.serial_overscan.slices] = 1000.0
        if amplifier.name in amplifiers:
            raw[amplifier.image.slices] = 65_535.0
    frames = [FrameInput(f"sim-{index}.fits", ArrayRows(raw), 4.0, 4.0) for index in range(3)]
    return RecipeInputs(frames, {}, geometry, Signature(Overscan("median")))


def test_flats_without_a_pixel_that_is_not_saturated_name_frame_and_amplifiers(bench):
    every = [one.name for one in bench.instrument.geometry(0).amplifiers]
    recipe = RECIPES["flat"]
    with pytest.raises(
        RecipeRefused, match=f"sim-0.fits: no pixel .*{', '.join(every)}.*saturated.*less light"
    ):
        recipe.compute(saturated(bench, *every), parse_parameters(recipe, {}))
    with pytest.raises(
        RecipeRefused, match=f"{every[1]}: no pixel of any frame .*saturated.*scale by mean-stats"
    ):
        recipe.compute(saturated(bench, every[1]), parse_parameters(recipe, {"scaling": '"solution"'}))
    built = recipe.compute(saturated(bench, every[1]), parse_parameters(recipe, {}))
    assert np.nanmean(built.combined.data) == pytest.approx(1.0, abs=5e-3)


class Counted:
    """Rows that count how often they were read."""

    zero = 0

    def __init__(self, array):
        self._rows = ArrayRows(array)
        self.shape, self.dtype, self.read = array.shape, array.dtype, 0

    def read_rows(self, first, last, into, /):
        self.read += last - first
        self._rows.read_rows(first, last, into)


def test_a_flat_is_read_once_for_its_overscan_once_for_its_level_and_once_to_combine(bench):
    geometry = bench.instrument.geometry(0)
    raw = np.random.default_rng(1).normal(9000, 90, geometry.raw_shape).astype(np.float32)
    for amplifier in geometry.amplifiers:
        raw[amplifier.serial_overscan.slices] = 1000.0
    frames = [FrameInput(f"{index}", Counted(raw), 4.0, 4.0) for index in range(3)]
    inputs = RecipeInputs(frames, {}, geometry, Signature(Overscan("median")))
    RECIPES["flat"].compute(inputs, parse_parameters(RECIPES["flat"], {"statistic": '"mean"'}))
    rows = geometry.raw_shape[0]
    assert max(one.rows.read for one in frames) <= 3 * rows
