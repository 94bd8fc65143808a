"""Effects are switched on by name, each draws for itself, and without them frames are what they were."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from camera_effects import FIRST, camera, dark, facts, flat

from calibrant.camera.simulator import (
    EFFECTS,
    CannotSimulate,
    Earlier,
    Exposure,
    SimulatedDetector,
    parameters_of,
    simulate,
)
from calibrant.frames.instrument import load_instrument


def test_frames_without_effects_are_byte_for_byte_what_they_were(instrument):
    detector = SimulatedDetector.of(instrument, 1, seed=7, flaws=("light-leak", "noisy-amplifier"))
    plans = [
        Exposure(FIRST + n, kind, seconds, seconds, shutter=kind == "FLAT")
        for n, (kind, seconds) in enumerate((("BIAS", 0.0), ("DARK", 30.0), ("FLAT", 5.0)))
    ]
    frames = [simulate(detector, plan) for plan in plans]
    pixels = [hashlib.sha256(frame.array.astype(">u2").tobytes()).hexdigest()[:16] for frame in frames]
    assert pixels == ["03d34d2d647ff489", "11e36a3f2be20a8e", "ccf74d27d0fdabe7"]
    assert "effects" not in frames[0].truth
    assert "earlier" not in frames[0].truth["exposure"]


def test_all_effects_together_give_the_same_frame_again_and_each_draws_for_itself(instrument):
    plan = dark(10.0, earlier=(Earlier(flat(), 5.0),))
    every = camera(instrument, *EFFECTS)
    frame = simulate(every, plan)
    assert list(frame.truth["effects"]) == list(EFFECTS)
    again = simulate(camera(instrument, *reversed(EFFECTS)), plan)
    assert np.array_equal(again.array, frame.array)
    assert again.truth == frame.truth
    for name in ("telegraph-pixels", "bias-shifts"):
        alone = camera(instrument, name)
        assert facts(alone, name) == facts(every, name)
        assert simulate(alone, plan).truth["effects"] == {name: frame.truth["effects"][name]}
    assert facts(camera(instrument, "crosstalk", seed=8), "crosstalk") != facts(every, "crosstalk")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rust", "no effect 'rust'; there are: spots, lamp-drift, .*, bias-shifts"),
        (
            "crosstalk=coeff:1",
            "effect crosstalk: no parameter 'coeff'; there are: coefficient, negative_fraction",
        ),
        ("crosstalk=2", "effect crosstalk: coefficient is '2': Input should be less than or equal to 0.1"),
        ("charge-transfer=serial_cti:much", "serial_cti is 'much': Input should be a valid number"),
        ("bias-shifts,bias-shifts=1", "effect bias-shifts: named twice"),
    ],
)
def test_a_wrong_effect_is_named_with_what_there_is(instrument, text, words):
    texts = text.split(",") if text.count("bias") > 1 else [text]
    with pytest.raises(CannotSimulate, match=words):
        camera(instrument, *texts)


def test_an_instrument_file_sets_parameters_and_the_switch_goes_before_it(instrument):
    described = {"brighter-fatter": {"a00_per_e": -4e-6, "reach_px": 2}}
    changed = instrument.model_copy(update={"simulation": instrument.simulation | {"effects": described}})
    assert camera(changed).effects == {}
    told = facts(camera(changed, "brighter-fatter=-5e-6"), "brighter-fatter")["parameters"]
    assert (told["a00_per_e"], told["reach_px"]) == (-5e-6, 2)
    wrong = instrument.model_copy(update={"simulation": {"effects": {"rust": {}}}})
    with pytest.raises(CannotSimulate, match=r"simcam-tiny.yaml: simulation.effects: no effect 'rust'"):
        parameters_of(wrong)


def test_the_page_names_every_effect_with_its_parameters_and_defaults():
    page = (Path(__file__).parents[3] / "docs/simulator.md").read_text().split("## The effects")[1]
    rows = {
        line.split("`")[1]: line for line in page.split("\n## ")[0].splitlines() if line.startswith("| `")
    }
    assert list(rows) == list(EFFECTS)
    for name, kind in EFFECTS.items():
        for field, told in kind.model_fields.items():
            said = re.search(rf"`{field}` \(([^) ]+)", rows[name].split(" | ")[-1])
            assert said, f"{name}.{field}"
            assert type(told.default)(said[1]) == told.default, f"{name}.{field}"


def test_other_cameras_know_effects_too():
    other = camera(load_instrument("kast-blue"), *EFFECTS)
    assert simulate(other, flat(1.0)).array.shape == (350, 2112)
