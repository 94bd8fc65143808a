"""Overscans and linearities as instrument files have them: which columns and rows are left, and what is made linear."""

import numpy as np
import pytest

from calibrant.frames.instrument import (
    Instrument,
    load_instrument,
)
from calibrant.pixels import remove_signature
from calibrant.pixels.geometry import Box


def test_the_simulated_cameras_overscans_lose_the_columns_next_to_the_image():
    shipped = load_instrument("simcam")
    assert shipped.overscan.skip == 2
    whole = {a.name: a.serial_overscan for a in shipped.detector(1).geometry().amplifiers}
    for amplifier in shipped.geometry(1).amplifiers:
        kept, full = amplifier.serial_overscan, whole[amplifier.name]
        assert full.x0 == amplifier.image.x1
        assert kept == full._replace(x0=full.x0 + 2)
        assert amplifier.parallel_overscan.shape == (16, 512)


def changed(name, overscan, **amplifier):
    """Return an instrument with some of its overscan's fields and its first detector's amplifiers changed."""
    content = load_instrument(name).model_dump(mode="json")
    content["overscan"].update(overscan)
    for one in content["detectors"][0]["amplifiers"]:
        one.update(amplifier)
    return Instrument.model_validate(content)


def skipping(name, skip, **amplifier):
    return changed(name, {"skip": skip}, **amplifier)


def test_kasts_overscans_lose_what_was_read_first():
    boxes = [a.serial_overscan for a in skipping("kast-blue", 3).geometry(0).amplifiers]
    assert boxes == [Box(0, 350, 2051, 2080), Box(0, 350, 2080, 2109)]


@pytest.mark.parametrize(("reverse", "kept"), [(False, Box(0, 119, 0, 3)), (True, Box(0, 119, 1, 4))])
def test_an_overscan_left_of_the_image_loses_its_last_columns(reverse, kept):
    (amplifier,) = skipping("afosc-ccd42-40", 1, overscan_reversed=reverse).geometry(0).amplifiers
    assert amplifier.serial_overscan == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("kast-blue", [Box(0, 350, 2051, 2078), Box(0, 350, 2082, 2109)]),
        ("afosc-ccd42-40", [Box(0, 119, 2, 3)]),
    ],
)
def test_columns_read_last_are_left_out_at_the_other_end(name, kept):
    skips = {"skip": 3, "trailing_skip": 2} if name == "kast-blue" else {"skip": 1, "trailing_skip": 2}
    found = [a.serial_overscan for a in changed(name, skips).geometry(0).amplifiers]
    assert found == kept


@pytest.mark.parametrize(
    ("image", "parallel", "kept"),
    [
        ("[1:511,1:100]", "[1:511,101:119]", Box(102, 118, 0, 511)),
        ("[1:511,21:119]", "[1:511,1:20]", Box(1, 18, 0, 511)),
    ],
)
def test_a_parallel_overscan_loses_the_rows_that_its_own_skips_say(image, parallel, kept):
    only = {"image": image, "placed": None, "serial_overscan": None, "parallel_overscan": parallel}
    camera = changed("afosc-ccd42-40", {"parallel": {"skip": 2, "trailing_skip": 1}}, **only)
    assert camera.geometry(0).amplifiers[0].parallel_overscan == kept
    rows = kept.y1 - kept.y0 + 3
    says = rf"overscan\.parallel\.skip: {rows} leaves nothing of parallel_overscan"
    with pytest.raises(ValueError, match=says):
        changed("afosc-ccd42-40", {"parallel": {"skip": rows}}, **only)
    with pytest.raises(ValueError, match=r"overscan\.skip, .*: no amplifier has a serial_overscan"):
        changed("afosc-ccd42-40", {"skip": 2}, **only)


LINEARITIES = {
    "polynomial": {"model": "polynomial", "coefficients": [2e-6, -1e-11]},
    "spline": {"model": "spline", "knots": [-100.0, 0.0, 20e3, 70e3], "values": [0.0, 0.0, -300.0, 800.0]},
    "double-spline": {
        "model": "double-spline",
        "first": {"knots": [-100.0, 0.0, 60e3], "values": [0.0, 0.0, 500.0]},
        "second": {"knots": [-100.0, 0.0, 20e3, 70e3], "values": [0.0, 0.0, -300.0, 800.0]},
    },
    "lookup": {"model": "lookup", "first": -50, "step": 10, "values": np.linspace(0.0, 900.0, 6005).tolist()},
}


@pytest.mark.parametrize("model", LINEARITIES)
@pytest.mark.parametrize("gain", [0.7, 1.52])
def test_signals_in_electrons_are_made_linear_as_those_in_adu_are(model, gain):
    camera = changed("simcam-tiny", {}, linearity=LINEARITIES[model], gain_e_per_adu=gain).detector(0)
    signal = np.linspace(-40.0, 59_000.0, 5000)
    found = {}
    for unit, factor in [("adu", 1.0), ("electron", gain)]:
        corrected, outside = camera.linearities(unit)["A00"].apply(signal * factor)
        found[unit] = corrected / factor
        assert outside is None or not outside.any()
    step = 900.0 / 6004  # what neighbouring entries of the table differ by
    np.testing.assert_allclose(found["electron"], found["adu"], rtol=1e-6, atol=1.01 * step)
    assert np.abs(found["adu"] - signal).max() > 200


@pytest.mark.parametrize("method", ["median", "median-per-row"])
def test_a_tail_of_deferred_charge_spoils_the_level_unless_it_is_skipped(method):
    level_adu, trail_adu = 1000.0, np.array([60.0, 20.0, 7.0, 2.0])
    errors = {}
    for skip in (0, 4):
        camera = skipping("simcam-tiny", skip)
        raw = np.full(camera.detector(0).raw_shape, level_adu)
        for amplifier in camera.detector(0).amplifiers:
            box = amplifier.serial_overscan
            raw[box.y0 : box.y1, box.x0 : box.x0 + 4] += trail_adu
            raw[box.y0 : box.y1, box.x0 + 4 : box.x1] += np.linspace(-0.5, 0.5, 12)  # a spread to rank in
        image = remove_signature(raw, camera.geometry(0), overscan=method, unit="adu")
        errors[skip] = float(np.abs(image.data).max())
    assert errors[0] == pytest.approx(2 / 11, abs=1e-4)  # two ranks of the twelve, 1/11 ADU apart each
    assert errors[4] == pytest.approx(0, abs=1e-4)
