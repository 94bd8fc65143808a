"""The analyses as recipes: what small frames were made with comes back, and what cannot be measured says why."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.frames.correcting import correction
from calibrant.frames.instrument import load_instrument
from calibrant.pixels import ArrayRows, Geometry
from calibrant.rules.classification import ImageType

BEGIN_NS = 1_767_225_637_000_000_000
DEAD = "its pixels are all the same: it is dead"


@dataclass(frozen=True)
class Camera:
    """Makes frames of the small camera, of light or dark current in electrons on all amplifiers alike."""

    rng: np.random.Generator

    def geometry(self, **choices):
        settings = RECIPES["bias"].parameters(**choices)
        return correction(load_instrument("simcam-tiny"), 0, settings, "electron")

    def raw(self, signal_e=0.0):
        geometry, _ = self.geometry()
        raw = self.rng.normal(1000.0, 4.0, geometry.raw_shape)
        for one in geometry.amplifiers:
            image = np.broadcast_to(signal_e, geometry.shape)[one.placed.slices]
            image = image[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
            raw[one.image.slices] += self.rng.poisson(image) / one.gain_e_per_adu
        return raw

    def inputs(self, frames, **choices):
        """Give what a recipe is given: frames as (type, seconds, raw), a minute from begin to begin."""
        geometry, corrected = self.geometry(**choices)
        given = [
            FrameInput(
                f"frame {n}",
                ArrayRows(raw.round().clip(0, 65535).astype(np.uint16)),
                time_s,
                time_s,
                "r" if of is ImageType.FLAT else None,
                of,
                begin_tai_ns=BEGIN_NS + n * 60 * 10**9,
            )
            for n, (of, time_s, raw) in enumerate(frames)
        ]
        return RecipeInputs(given, {}, geometry, corrected)


@pytest.fixture
def camera():
    return Camera(np.random.default_rng(20260101))


def made(kind, inputs, **parameters):
    recipe = RECIPES[kind]
    built = recipe.compute(inputs, recipe.parameters(**parameters))
    return {table.name: table for table in built.tables}


def pull(table, value, error, truth):
    return np.abs(table[value] - truth) / table[error]


def dead(raw, camera, number=0):
    """Leave nothing of an amplifier but one number, overscan and all."""
    one = camera.geometry()[0].amplifiers[number]
    for box in (one.image, one.serial_overscan, one.parallel_overscan):
        raw[box.slices] = 1000
    return raw


def test_a_dark_current_its_glow_and_its_telegraph_pixels_come_back(camera):
    geometry, _ = camera.geometry()
    glowing = np.zeros(geometry.shape)
    glowing[geometry.amplifiers[1].corner_box(16).slices] = 1.5
    times_s = [*[20.0] * 9, 40.0, 60.0, 80.0]
    frames = []
    for n, time_s in enumerate(times_s):
        rate = 2.0 + glowing
        rate[5, 70] += 30.0 * (n % 3 == 0)
        frames.append((ImageType.DARK, time_s, dead(camera.raw(rate * time_s), camera, 3)))
    found = made("dark-current", camera.inputs(frames), glow_corner=16)
    amplifiers = found["AMPLIFIERS"]
    assert list(amplifiers["REASON"]) == ["", "", "", DEAD]
    assert np.isnan(amplifiers["RATE"][3])
    assert (pull(amplifiers, "RATE", "RATE_ERR", [2.0, 2.0 + 1.5 / 16, 2.0, 0])[[0, 2]] < 4).all()
    assert (amplifiers["RATE_ERR"][:3] < 0.01).all()
    assert (pull(amplifiers, "GLOW", "GLOW_ERR", [0, 1.5, 0, 0])[:3] < 4).all()
    assert list(amplifiers["JUMPING"]) == [0, 1, 0, 0]
    jumping = found["TELEGRAPH"]
    assert (jumping["X"][0], jumping["Y"][0]) == (71, 6)
    assert abs(jumping["HIGH"][0] - jumping["LOW"][0] - 600.0) < 60
    levels = found["LEVELS"]
    assert len(levels) == 4 * len(times_s)
    assert levels["DARKTIME"][len(times_s) - 1] == 80.0


def test_bias_levels_drift_and_shift_as_they_were_made_to(camera):
    geometry, _ = camera.geometry()
    first, second, third, *_ = geometry.amplifiers
    area = third.serial_overscan.area
    frames = []
    for n in range(6):
        raw = camera.raw()
        raw[first.image.slices] += 0.5 * n  # over an overscan that stays: half an ADU a minute
        box = second.serial_overscan
        raw[box.y0 + 32 : box.y1, second.image.x0 : box.x1] += 12.0 * (n == 2)
        frames.append((ImageType.BIAS, 0.0, dead(raw, camera, 3)))
    settings = {"shift_window": 15, "shift_skip_rows": 2}
    found = made("bias-stability", camera.inputs(frames, overscan="median"), **settings)
    amplifiers = found["AMPLIFIERS"]
    assert list(amplifiers["REASON"]) == ["", "", "", DEAD]
    drifts = np.array([30.0 * first.gain_e_per_adu, 0.0, 0.0, 0.0])
    assert (pull(amplifiers, "DRIFT", "DRIFT_ERR", drifts)[[0, 2]] < 4).all()
    assert amplifiers["SCATTER"][0] > 5 * amplifiers["SCATTER"][2]
    assert amplifiers["NOISE"][2] == pytest.approx(4.0 * geometry.amplifiers[2].gain_e_per_adu, rel=0.05)
    assert amplifiers["OVERSCAT"][2] == pytest.approx(
        4.0 / area**0.5, rel=0.7
    )  # of whole numbers a median stays
    assert list(amplifiers["SHIFTED"][:3]) == [0, 1, 0]
    (shift,) = np.flatnonzero(found["SHIFTS"]["AMPLIFIER"] == second.name)
    assert found["SHIFTS"]["FRAME"][shift] == 3
    assert abs(found["SHIFTS"]["ROW"][shift] - 33) <= 1
    assert abs(found["SHIFTS"]["SIZE"][shift] - 12.0) < 4 * found["SHIFTS"]["SIZE_ERR"][shift]
    assert len(found["FRAMES"]) == 4 * 6
    assert np.ptp(found["FRAMES"]["TIME"]) == pytest.approx(5 / 60)


@pytest.mark.parametrize(
    ("light_e", "says"),
    [(1e7, "not saturated; take some with less light"), (0.0, "take some with the lamp on")],
)
def test_flats_without_a_usable_pixel_say_whether_light_was_too_much_or_none(camera, light_e, says):
    level = -50.0 if light_e == 0 else 0.0  # clearly below the pedestal
    geometry, _ = camera.geometry()
    frames = []
    for _ in range(3):
        raw = camera.raw(light_e)
        for one in geometry.amplifiers:
            raw[one.image.slices] += level
        frames.append((ImageType.FLAT, 1.0, raw))
    with pytest.raises(RecipeRefused, match=says):
        made("tearing", camera.inputs(frames))


def test_a_torn_border_stands_out_and_an_amplifier_without_light_says_so(camera):
    geometry, _ = camera.geometry()
    light = np.full(geometry.shape, 20_000.0)
    light[:, 63] *= 0.95
    light[geometry.amplifiers[3].placed.slices] = 0.0
    frames = [(ImageType.FLAT, 1.0, camera.raw(light)) for _ in range(4)]
    found = made("tearing", camera.inputs(frames), edge_columns=5, row_count=50)
    amplifiers = found["AMPLIFIERS"]
    assert list(amplifiers["REASON"]) == ["", "", "no amplifier lies beside it", "it has no light"]
    assert (pull(amplifiers, "TEARING", "TEAR_ERR", 0.05)[:2] < 5).all()
    assert (amplifiers["TEAR_ERR"][:2] < 1e-3).all()
    assert list(zip(found["BORDERS"]["LEFT"], found["BORDERS"]["RIGHT"], strict=True)) == [("A00", "A01")]


def test_flats_without_a_pixel_below_saturation_correlate_with_nothing_and_biases_still_do(camera):
    biases = [(ImageType.BIAS, 0.0, camera.raw()) for _ in range(4)]
    flats = [(ImageType.FLAT, 1.0, camera.raw(1e6)) for _ in range(4)]
    amplifiers = made("correlations", camera.inputs(biases + flats))["AMPLIFIERS"]
    assert [bool(reason) for reason in amplifiers["REASON"]] == [False] * 4 + [True] * 4


@pytest.mark.parametrize("pixels", ["image", "overscan"])
def test_noise_in_common_is_found_in_biases_and_in_flats(camera, pixels):
    geometry, _ = camera.geometry()
    one, other, _, last = geometry.amplifiers
    frames = []
    for n, of in enumerate([ImageType.BIAS] * 5 + [ImageType.FLAT] * 4):
        raw = camera.raw(np.full(geometry.shape, 400.0 * (1 + 0.1 * (n % 2)))) if n > 4 else camera.raw()
        for boxes in zip((one.image, one.serial_overscan), (other.image, other.serial_overscan), strict=True):
            common = camera.rng.normal(0, 8.0, boxes[0].shape)
            for box in boxes:
                raw[box.slices] += common
        raw[last.image.slices] = raw[last.serial_overscan.slices] = 1000
        frames.append((of, float(n > 4), raw))
    found = made("correlations", camera.inputs(frames), pixels=pixels)
    amplifiers, both = found["AMPLIFIERS"], found["CORRELATIONS"]
    assert list(amplifiers["TYPE"]) == ["bias"] * 4 + ["flat"] * 4
    assert list(amplifiers["REASON"]) == ["", "", "", DEAD] * 2
    assert list(amplifiers["WITH"][:2]) == [other.name, one.name]
    assert (amplifiers["PAIRS"][[0, 1, 2]] == 2).all()
    truth = np.where((both["FIRST"] == one.name) & (both["SECOND"] == other.name), 8**2 / (8**2 + 4**2), 0)
    known = (both["TYPE"] == "bias") & (both["REASON"] == "")
    assert known.sum() == 3
    assert (pull(both, "CORR", "CORR_ERR", truth)[known] < 4.5).all()
    assert np.isnan(both["CORR"][both["REASON"] != ""]).all()
    assert list(found["LEFTOVERS"]["FRAME"]) == [5]


def faded(camera, lit, decay_s=90.0, level_e=40.0):
    """Give darks, a flat that saturates what is lit, and darks in which that fades."""
    geometry, _ = camera.geometry()
    frames = [(ImageType.DARK, 10.0, camera.raw()) for _ in range(3)]
    frames += [(ImageType.FLAT, 5.0, camera.raw(np.where(lit, 2e5, 1e3)))]
    for n in range(6):
        left = level_e * np.exp(-(55.0 + 60.0 * n + 5.0) / decay_s)
        frames += [(ImageType.DARK, 10.0, camera.raw(np.where(lit, left, 0.0)))]
    return frames, geometry


def test_what_light_leaves_is_followed_in_the_darks_after_it(camera):
    geometry, _ = camera.geometry()
    lit = np.ones(geometry.shape, np.bool_)
    lit[geometry.amplifiers[2].placed.slices] = False
    frames, _ = faded(camera, lit)
    found = made("persistence", camera.inputs(frames))
    amplifiers, levels = found["AMPLIFIERS"], found["LEVELS"]
    assert list(amplifiers["REASON"]) == ["", "", "too few of its pixels were flooded", ""]
    good = [0, 1, 3]
    assert list(amplifiers["FLOOD"][good]) == [4] * 3
    assert list(levels["FRAME"][:6]) == [5, 6, 7, 8, 9, 10]
    assert list(levels["TIME"][:2]) == [60.0, 120.0]
    truth = 40.0 * np.exp(-60.0 / 90.0)
    assert (pull(amplifiers, "FIRST", "FIRST_ERR", truth)[good] < 4).all()
    assert (pull(amplifiers, "DECAY", "DECAYERR", 90.0)[good] < 4).all()
    assert (pull(amplifiers, "AMPLITUD", "AMPL_ERR", 40.0)[good] < 4).all()
    assert (amplifiers["FRAC_ERR"][good] < 1e-4).all()
    lower = made("persistence", camera.inputs(frames), flood=500.0)["AMPLIFIERS"]
    assert list(lower["REASON"]) == [""] * 4
    assert lower["DECAYWHY"][2] == "no significant decay"


def one_time(camera):
    return "dark-current", [(ImageType.DARK, 10.0, camera.raw()) for _ in range(3)]


def one_moment(camera):
    return "bias-stability", [(ImageType.BIAS, 0.0, camera.raw()) for _ in range(2)]


def dark_flats(camera):
    return "tearing", [(ImageType.FLAT, 1.0, dead(camera.raw() - 50, camera)) for _ in range(3)]


def one_bias(camera):
    return "correlations", [(ImageType.BIAS, 0.0, camera.raw())]


def only_darks(camera):
    return "persistence", one_time(camera)[1]


def no_dark_before(camera):
    lit = np.ones((128, 128), np.bool_)
    return "persistence", faded(camera, lit)[0][3:]


def nothing_flooded(camera):
    lit = np.zeros((128, 128), np.bool_)
    return "persistence", faded(camera, lit)[0]


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (one_time, "dark-current: no amplifier can be measured; A00: all frames have the same time"),
        (one_moment, "bias-stability: no amplifier can be measured; A00: too few frames have a value"),
        (dark_flats, "none of the flats has light"),
        (one_bias, "no two of the 1 frames"),
        (only_darks, "none of the frames had light"),
        (no_dark_before, "no dark was taken before the first light"),
        (nothing_flooded, "A00: too few of its pixels were flooded"),
    ],
)
def test_frames_that_say_nothing_are_refused_with_the_reason(camera, frames, says):
    kind, given = frames(camera)
    with pytest.raises(RecipeRefused, match=says):
        made(kind, camera.inputs(given))


def test_darks_without_a_dark_time_and_flats_with_their_pedestal_are_refused(camera):
    inputs = camera.inputs(one_time(camera)[1])
    nameless = replace(inputs, frames=[replace(one, dark_time_s=None) for one in inputs.frames])
    with pytest.raises(RecipeRefused, match="frame 0: its header gives no dark time"):
        made("dark-current", nameless)
    flats = [(ImageType.FLAT, 1.0, camera.raw(100.0)) for _ in range(3)]
    with pytest.raises(RecipeRefused, match="keep their pedestal"):
        made("tearing", camera.inputs(flats, overscan="none"))


def test_a_lone_amplifier_has_nothing_to_correlate_with(camera):
    inputs = camera.inputs([(ImageType.BIAS, 0.0, camera.raw()) for _ in range(2)])
    first = inputs.geometry.amplifiers[0]
    alone = Geometry(inputs.geometry.raw_shape, first.placed.shape, (first,))
    with pytest.raises(RecipeRefused, match="the detector has one amplifier, and nothing that it could be"):
        made("correlations", replace(inputs, geometry=alone))


@pytest.mark.parametrize("kind", ["dark-current", "bias-stability", "tearing", "correlations", "persistence"])
def test_a_setting_is_one_of_the_kinds_own(kind):
    with pytest.raises(RecipeRefused, match=f"recipe {kind} has no parameter 'statistic'"):
        parse_parameters(RECIPES[kind], {"statistic": '"mean"'})
