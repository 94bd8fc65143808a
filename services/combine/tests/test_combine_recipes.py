"""Recipes: what they make of simulated frames, against the truth, closed forms and plain numpy."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine.recipes import RECIPES, find_recipe, parse_parameters
from calibrant.combine.recipes.base import RecipeRefused
from calibrant.rules.default_rules import DEFAULT_RULES


def amplifier_means(bench, data):
    return [data[a.placed.slices].mean() for a in bench.instrument.geometry(0).amplifiers]


def test_every_recipe_is_in_the_registry_under_its_name_with_described_parameters():
    assert list(RECIPES) == [rule.kind for rule in DEFAULT_RULES.rules]
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        for field in recipe.parameters.model_fields.values():
            assert field.description


@pytest.mark.parametrize("rule", DEFAULT_RULES.rules, ids=lambda rule: rule.kind)
def test_recipes_take_what_rules_hand_to_them(rule):
    recipe = RECIPES[rule.kind]
    assert (recipe.version, recipe.image_types) == (rule.recipe_version, rule.image_types)
    assert {(role.role, role.kind) for role in rule.roles} <= {
        (role.name, role.kind) for role in recipe.roles
    }


@pytest.mark.parametrize(
    "rule", [rule for rule in DEFAULT_RULES.rules if not rule.beside], ids=lambda r: r.kind
)
def test_a_set_that_is_large_enough_for_its_rule_is_for_its_recipe(rule):
    assert parse_parameters(RECIPES[rule.kind], {}).min_inputs <= rule.min_frames


def test_defaults_are_those_of_the_procedure():
    parameters = parse_parameters(RECIPES["flat"], {})
    assert parameters.model_dump() == {
        "statistic": "clipped-mean",
        "center": "median",
        "spread": "std",
        "sigma": 3.0,
        "sigma_low": None,
        "sigma_high": None,
        "iterations": 3,
        "clip": "astropy",
        "reject_low": 1,
        "reject_high": 1,
        "weights": None,
        "unit": "electron",
        "overscan": None,
        "overscan_degree": None,
        "overscan_knots": None,
        "parallel_overscan": None,
        "parallel_degree": None,
        "parallel_knots": None,
        "measured_gain": True,
        "crosstalk": True,
        "linearity": True,
        "charge_transfer": True,
        "brighter_fatter": False,
        "defects": True,
        "min_inputs": 3,
        "normalise": "each",
        "scaling": None,
        "scales": None,
    }


@pytest.mark.parametrize(
    ("recipe", "texts", "says"),
    [
        ("bias", {"sigm": "3"}, "do you mean 'sigma'"),
        ("bias", {"normalise": '"each"'}, "recipe bias has no parameter 'normalise'"),
        ("flat", {"statistic": "median"}, "is not JSON"),
        ("flat", {"statistic": '"mode"'}, "flat.statistic: 'mode'"),
        ("dark", {"sigma": '"3"'}, "dark.sigma: '3'"),
        ("dark", {"sigma": "-1"}, "dark.sigma: -1"),
        ("dark", {"sigma": "NaN"}, "dark.sigma: nan"),
        ("dark", {"iterations": "0"}, "dark.iterations: 0"),
        ("flat", {"scaling": '"dark-time"'}, "flat.scaling: 'dark-time'"),
        ("flat", {"scaling": '"exposure-time"'}, "set normalise to combined"),
        ("flat", {"scaling": '"input-list"'}, "flat.scales: give one for each frame"),
        ("flat", {"scales": "[1, 2, 3]"}, "the scaling is mean-stats"),
        ("dark", {"cosmic_ray_grow": "-1"}, "dark.cosmic_ray_grow: -1"),
        ("bias", {"cosmic_rays": "true"}, "recipe bias has no parameter 'cosmic_rays'"),
        ("bias", {"sigma_low": "0"}, "bias.sigma_low: 0"),
        ("bias", {"sigma_high": '"3"'}, "bias.sigma_high: '3'"),
        ("bias", {"clip": '"once"'}, "bias.clip: 'once'"),
        ("bias", {"reject_low": "0.5"}, "bias.reject_low: 0.5"),
        ("bias", {"reject_high": "-1"}, "bias.reject_high: -1"),
        ("bias", {"statistic": '"weighted-mean"'}, "bias.weights: give one for each frame"),
        ("bias", {"weights": "[1, 2]"}, "the statistic is clipped-mean"),
        ("bias", {"parallel_overscan": '"median-per-row"'}, "bias.parallel_overscan: 'median-per-row'"),
        ("bias", {"overscan_degree": "-1"}, "bias.overscan_degree: -1"),
        ("bias", {"parallel_knots": "1"}, "bias.parallel_knots: 1"),
        ("bias", {"linearity": '"yes"'}, "bias.linearity: 'yes'"),
        ("bias", {"statistic": '"weighted-mean"', "weights": "[1, -2]"}, "bias.weights: -2"),
    ],
)
def test_a_wrong_parameter_is_refused_and_named(recipe, texts, says):
    with pytest.raises(RecipeRefused) as refused:
        parse_parameters(RECIPES[recipe], texts)
    assert says in str(refused.value)


def test_iterations_may_be_null_for_convergence():
    assert parse_parameters(RECIPES["bias"], {"iterations": "null"}).iterations is None


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(RecipeRefused, match="do you mean 'flat'"):
        find_recipe("flats")


def test_a_bias_is_the_plain_mean_of_overscan_corrected_frames(bench):
    inputs = bench.biases(4)
    product, _, _ = bench.build("bias", inputs, statistic="mean", unit="adu", overscan="median")
    geometry = bench.instrument.geometry(0)
    plain = np.zeros(geometry.shape)
    for one in inputs:
        raw = fits.getdata(bench.objects.local_path(one.ref)).astype(float)
        for a in geometry.amplifiers:
            block = raw[a.image.slices] - np.median(raw[a.serial_overscan.slices])
            block = block[::-1] if a.flip_y else block
            plain[a.placed.slices] += (block[:, ::-1] if a.flip_x else block) / 4
    np.testing.assert_allclose(product.data, plain, atol=1e-3)
    assert (product.count == 4).all()
    assert product.unit == "adu"


def test_a_cosmic_ray_does_not_reach_a_clipped_mean(bench):
    inputs = bench.biases(14)
    clean, _, _ = bench.build("bias", inputs)
    path = bench.objects.local_path(inputs[3].ref)
    struck = path.read_bytes()
    offset = 2880 + 2 * (10 * bench.instrument.detector(0).raw_shape[1] + 20)
    hit = bench.folder / "struck.fits"
    header_blocks = struck.index(b"END" + b" " * 77) // 2880
    offset += header_blocks * 2880
    hit.write_bytes(struck[:offset] + b"\x60\x00" + struck[offset + 2 :])
    product, _, _ = bench.build("bias", [*inputs[:3], *inputs[4:], bench.input(hit, "raw/struck.fits")])
    assert np.abs(product.data - clean.data).max() < 10.0
    assert (product.count != 14).any()


def test_a_dark_with_a_bias_is_the_rate_per_second_whatever_the_dark_times(bench):
    _, bias, _ = bench.build("bias", bench.biases(10))
    inputs = [*bench.darks(20.0, 30.0, 40.0, 50.0, 60.0), bench.calibration("bias", bias)]
    product, facts, _ = bench.build("dark", inputs)
    assert product.unit == "electron/s"
    assert product.per_second
    assert product.dark_time_s is None
    assert [one.scale for one in facts.frames] == [20.0, 30.0, 40.0, 50.0, 60.0]
    assert facts.calibrations == (bias.product_id,)
    for mean in amplifier_means(bench, product.data):
        assert mean == pytest.approx(3.0, abs=0.02)


def test_a_dark_without_a_bias_is_stored_unscaled_with_its_dark_time(bench):
    product, facts, _ = bench.build("dark", bench.darks(30.0, 30.0, 30.0))
    assert product.unit == "electron"
    assert not product.per_second
    assert product.dark_time_s == facts.dark_time_s == 30.0
    assert facts.calibrations == ()
    for mean in amplifier_means(bench, product.data):
        assert mean == pytest.approx(90.0, abs=1.0)


def test_darks_of_different_times_need_a_bias(bench):
    with pytest.raises(RecipeRefused, match="20 to 30 s cannot be combined without a bias"):
        bench.build("dark", bench.darks(20.0, 30.0, 30.0))


def test_a_dark_of_no_dark_time_is_refused_by_name(bench):
    _, bias, _ = bench.build("bias", bench.biases(3))
    with pytest.raises(RecipeRefused, match=r"sim-\d+\.fits .* a dark time of 0 s"):
        bench.build("dark", [*bench.darks(0.0, 30.0, 30.0), bench.calibration("bias", bias)])


def test_an_unscaled_dark_applies_only_to_flats_of_its_dark_time(bench):
    _, dark, _ = bench.build("dark", bench.darks(4.0, 4.0, 4.0))
    flats = bench.flats(9000.0, 9000.0, 9000.0, time_s=4.0)
    _, facts, _ = bench.build("flat", [*flats, bench.calibration("dark", dark)])
    assert facts.calibrations == (dark.product_id,)
    other = bench.flats(9000.0, 9000.0, 9000.0, time_s=5.0)
    with pytest.raises(RecipeRefused, match=r"dark time is 5 s, but dark-\w+ is stored unscaled for 4 s"):
        bench.build("flat", [*other, bench.calibration("dark", dark)])


def test_a_scaled_dark_applies_to_flats_of_any_time(bench):
    _, bias, _ = bench.build("bias", bench.biases(5))
    _, dark, _ = bench.build("dark", [*bench.darks(*[300.0] * 5), bench.calibration("bias", bias)])
    calibrations = [bench.calibration("bias", bias), bench.calibration("dark", dark)]
    flats = bench.flats(*[9000.0] * 4, time_s=100.0)
    _, facts, _ = bench.build("flat", [*flats, *calibrations], statistic="mean")
    assert set(facts.calibrations) == {bias.product_id, dark.product_id}
    for one in facts.frames:  # the level is the light alone: 300 e- of dark current are gone
        assert one.scale == pytest.approx(9000.0, rel=0.002)


def test_an_unscaled_dark_takes_the_place_of_the_bias(bench):
    _, bias, _ = bench.build("bias", bench.biases(4))
    _, dark, _ = bench.build("dark", bench.darks(4.0, 4.0, 4.0))
    flats = bench.flats(9000.0, 9000.0, 9000.0)
    alone, _, _ = bench.build("flat", [*flats, bench.calibration("dark", dark)])
    both = [bench.calibration("bias", bias), bench.calibration("dark", dark)]
    beside, facts, _ = bench.build("flat", [*flats, *both])
    np.testing.assert_array_equal(alone.data, beside.data)
    assert facts.calibrations == (dark.product_id,)


@pytest.mark.parametrize("statistic", ["mean", "median", "clipped-mean"])
def test_a_flat_normalised_as_combined_has_the_level_one_of_its_statistic(bench, statistic):
    product, facts, _ = bench.build(
        "flat", bench.flats(8000.0, 9000.0, 10000.0), statistic=statistic, normalise="combined"
    )
    level = {"median": np.median, "mean": np.mean}.get(statistic, np.mean)(product.data.astype(float))
    assert level == pytest.approx(1.0, abs=2e-7 if statistic != "clipped-mean" else 1e-3)
    assert product.unit == ""
    assert product.normalisation == "combined"
    assert len({one.scale for one in facts.frames}) == 1


def test_flats_normalised_each_do_not_depend_on_their_levels(bench):
    inputs = bench.flats(2000.0, 9000.0, 40000.0)
    product, facts, _ = bench.build("flat", inputs, statistic="mean")
    scales = [one.scale for one in facts.frames]
    assert scales == pytest.approx([2012.0, 9012.0, 40012.0], rel=0.005)
    assert product.data.mean() == pytest.approx(1.0, abs=1e-4)
    expected = sum(1 / s for s in scales) / 9  # photon noise of each over its level, propagated
    assert np.median(product.variance) == pytest.approx(expected, rel=0.1)


def test_a_flat_without_light_is_refused_by_name(bench):
    dark_flats = [bench.frame("flat", 0.0) for _ in range(3)]
    _, bias, _ = bench.build("bias", bench.biases(3), overscan="none")
    with pytest.raises(RecipeRefused, match=r"sim-\d+\.fits .*is it a flat"):
        bench.build(
            "flat", [*dark_flats, bench.calibration("bias", bias)], overscan="none", statistic="median"
        )
