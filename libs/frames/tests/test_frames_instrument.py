"""Instrument files that ship: they are right."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from calibrant.frames.instrument import (
    Instrument,
    check_instrument,
    list_instruments,
    load_instrument,
    parse_section,
)
from calibrant.pixels import Mask
from calibrant.pixels.geometry import Box

SHIPPED = Path(str(resources.files("calibrant.frames.instruments")))


ALL = [
    *("afosc-ccd42-40", "kast-blue", "latiss", "lsstcam", "lsstcomcam"),
    *("newton-du940p", "simcam", "simcam-raft", "simcam-tiny", "st402"),
]


def test_every_shipped_instrument_is_listed_and_sound():
    assert list_instruments() == ALL
    for name in ALL:
        assert check_instrument(SHIPPED / f"{name}.yaml") == []
        assert load_instrument(name).name == name


@pytest.mark.parametrize(
    ("name", "detectors", "amplifiers", "raw", "trimmed"),
    [
        ("simcam", 2, 4, (1056, 1096), (1024, 1024)),
        ("simcam-tiny", 2, 4, (144, 164), (128, 128)),
        ("simcam-raft", 9, 4, (144, 164), (128, 128)),
        ("latiss", 1, 16, (144, 272), (128, 128)),
        ("lsstcomcam", 9, 16, (144, 272), (128, 128)),
        ("newton-du940p", 1, 1, (100, 2048), (100, 2048)),
        ("afosc-ccd42-40", 1, 1, (119, 521), (119, 511)),
        ("st402", 1, 1, (510, 765), (510, 765)),
        ("kast-blue", 1, 2, (350, 2112), (350, 2048)),
    ],
)
def test_geometries(name, detectors, amplifiers, raw, trimmed):
    instrument = load_instrument(name)
    assert len(instrument.detectors) == detectors
    for detector in instrument.detectors:
        geometry = instrument.geometry(detector.id)
        assert (geometry.raw_shape, geometry.shape) == (raw, trimmed)
        assert len(geometry.amplifiers) == amplifiers


CORNERS = {(0, 0), (0, 4), (4, 0), (4, 4)}
SEGMENTS = [*(f"C1{n}" for n in range(8)), *(f"C0{n}" for n in range(7, -1, -1))]
"""Names of the sixteen amplifiers of Rubin's detectors, in the order they are numbered."""
RAFTS = [f"R{row}{column}" for row in range(5) for column in range(5) if (row, column) not in CORNERS]


def bays(raft):
    return [f"{raft}_S{row}{column}" for row in range(3) for column in range(3)]


@pytest.mark.parametrize(
    ("name", "names", "prefix"),
    [
        ("latiss", {0: "RXX_S00"}, "AT"),
        ("lsstcomcam", dict(enumerate(bays("R22"))), "CC"),
        (
            "lsstcam",
            dict(enumerate(bay for raft in RAFTS for bay in bays(raft)))
            | {191: "R00_SW0", 192: "R00_SW1", 195: "R04_SW0", 196: "R04_SW1"}
            | {199: "R40_SW0", 200: "R40_SW1", 203: "R44_SW0", 204: "R44_SW1"},
            "MC",
        ),
    ],
)
def test_cameras_like_rubins_have_their_detectors_bays_and_amplifiers(name, names, prefix):
    instrument = load_instrument(name)
    assert {one.id: one.name for one in instrument.detectors} == names
    assert instrument.simulation["image_prefix"] == prefix
    for detector in instrument.detectors:
        half = "_SW" in detector.name
        assert [one.name for one in detector.amplifiers] == (SEGMENTS[8:] if half else SEGMENTS)
        assert instrument.geometry(detector.id).shape == ((64, 128) if half else (128, 128))


def test_the_camera_of_189_detectors_has_them_in_21_rafts_and_eight_halves_in_the_corners():
    named = [one.name for one in load_instrument("lsstcam").detectors]
    assert (len(named), len(RAFTS), sum("_SW" in one for one in named)) == (189 + 8, 21, 8)


def test_guide_sensors_are_numbered_between_the_wavefront_sensors_and_change_no_product():
    instrument = load_instrument("lsstcam")
    named = {one.id: one.short_name for one in instrument.guiders}
    assert named == {
        189: "R00SG0",
        190: "R00SG1",
        193: "R04SG0",
        194: "R04SG1",
        197: "R40SG0",
        198: "R40SG1",
        201: "R44SG0",
        202: "R44SG1",
    }
    assert instrument.model_copy(update={"guiders": ()}).canonical() == instrument.canonical()
    with pytest.raises(ValidationError, match="ids of guiders repeat"):
        Instrument.model_validate(
            instrument.model_dump(mode="json")
            | {"guiders": [one.model_dump() | {"id": 191} for one in instrument.guiders[:1]]}
        )


@pytest.mark.parametrize("name", ["simcam", "simcam-tiny"])
def test_the_simulated_camera_uses_every_raw_pixel_once(name):
    detector = load_instrument(name).detector(1)
    used = np.zeros(detector.raw_shape, int)
    for amplifier in detector.amplifiers:
        for section in amplifier.regions().values():
            used[section.y0 : section.y1, section.x0 : section.x1] += 1
    assert used.max() == 1
    corners = sum(  # where prescan and overscan columns meet the parallel overscan rows
        (a.parallel_overscan.shape[0]) * (a.serial_overscan.shape[1] + a.prescan.shape[1])
        for a in detector.amplifiers
    )
    assert (used == 0).sum() == corners


def test_the_simulated_camera_reads_towards_its_four_corners():
    flips = {a.name: (a.flip_x, a.flip_y) for a in load_instrument("simcam").geometry(0).amplifiers}
    assert flips == {"A00": (False, False), "A01": (True, False), "A10": (False, True), "A11": (True, True)}


def test_sections_count_from_one_and_include_their_ends():
    section = parse_section("[5:516,1:512]")
    assert (section.y0, section.y1, section.x0, section.x1) == (0, 512, 4, 516)
    assert str(section) == "[5:516,1:512]"
    assert load_instrument("kast-blue").geometry(0).amplifiers[1].serial_overscan == Box(0, 350, 2080, 2112)


def test_defects_are_pixels_of_the_trimmed_image():
    content = load_instrument("simcam-tiny").model_dump(mode="json")
    content["detectors"][0]["defects"] = ["[1:1,1:128]", "[127:128,128:128]"]
    detector = Instrument.model_validate(content).detector(0)
    expected = np.zeros((128, 128), np.uint32)
    expected[:, 0] = expected[127, 126:] = Mask.BAD
    np.testing.assert_array_equal(detector.defect_mask(), expected)
    assert load_instrument("simcam-tiny").detector(0).defect_mask() is None


@pytest.mark.parametrize("text", ["[0:5,1:5]", "[5:1,1:5]", "5:1,1:5", "[a:b,1:2]", "[1:2]"])
def test_a_wrong_section_is_refused(text):
    with pytest.raises(ValueError, match=r"section|backwards"):
        parse_section(text)


def test_measured_numbers_not_the_headers():
    gains = {name: load_instrument(name).detector(0).amplifiers[0].gain_e_per_adu for name in ALL}
    assert gains["newton-du940p"] == 0.977
    assert gains["afosc-ccd42-40"] == 1.694
    assert gains["st402"] == 1.44
    assert [a.gain_e_per_adu for a in load_instrument("kast-blue").detector(0).amplifiers] == [1.19, 1.24]


def test_newton_pools_its_nights_and_keeps_the_other_rules():
    rules = load_instrument("newton-du940p").rule_set()
    assert rules.rule_for("bias").group_by == ()
    assert rules.rule_for("flat") == load_instrument("simcam").rule_set().rule_for("flat")
