"""Instrument files as people write them: what is wrong in one is said with its place."""

from importlib import resources
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from calibrant.frames.instrument import (
    Instrument,
    InstrumentError,
    check_instrument,
    load_instrument,
)

SHIPPED = Path(str(resources.files("calibrant.frames.instruments")))


def content(name="simcam-tiny"):
    return yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())


def write(folder, content, name="simcam-tiny.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_a_file_is_understood_once_until_it_says_something_else(tmp_path):
    content = load_instrument("simcam-tiny").model_dump(mode="json")
    path = write(tmp_path, content)
    before = load_instrument(path)
    assert load_instrument(path) is before
    assert load_instrument(write(tmp_path, {**content, "description": "Another."})).description == "Another."


def test_the_hash_is_of_the_content_not_of_the_file(tmp_path):
    shipped = load_instrument("simcam-tiny")
    reordered = dict(reversed(content().items()))
    assert load_instrument(write(tmp_path, reordered)).hash == shipped.hash
    changed = content()
    changed["detectors"][0]["amplifiers"][0]["gain_e_per_adu"] = 2.0
    assert load_instrument(write(tmp_path, changed)).hash != shipped.hash


def test_the_standard_collection_is_named_in_the_file_or_after_the_instrument(tmp_path):
    shipped = load_instrument("simcam-tiny")
    assert (shipped.standard_collection, shipped.daily_collection) == (
        "simcam-tiny/calib",
        "simcam-tiny/calib/daily",
    )
    named = load_instrument(write(tmp_path, content() | {"collections": "CAM/calib"}))
    assert (named.daily_collection, named.hash) == ("CAM/calib/daily", shipped.hash)
    with pytest.raises(InstrumentError, match="collections"):
        load_instrument(write(tmp_path, content() | {"collections": "CAM//calib"}))


def _amplifier(**fields):
    return lambda c: c["detectors"][1]["amplifiers"][2].update(fields)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda c: c.pop("header"), "header: is missing"),
        (lambda c: c.update(readout="ramp"), "readout: "),
        (lambda c: c.update(gian=1), "gian: is no field"),
        (lambda c: c.update(valid_from="soon"), "valid_from: "),
        (_amplifier(gain_e_per_adu="high"), "detectors[1].amplifiers[2].gain_e_per_adu: "),
        (_amplifier(gain_e_per_adu=0), "detectors[1].amplifiers[2].gain_e_per_adu: "),
        (_amplifier(image="[0:3,1:4]"), "detectors[1].amplifiers[2].image: "),
        (_amplifier(image=7), "detectors[1].amplifiers[2].image: a section is a text"),
        (_amplifier(placed="[1:3,1:4]"), "placed [1:3,1:4] is (4, 3)"),
        (_amplifier(placed="[1:64,1:64]"), "overlaps"),
        (_amplifier(name="A00"), "used twice"),
        (_amplifier(prescan="[1:2,900:963]"), "leaves the raw frame"),
        (_amplifier(serial_overscan="[67:82,1:64]"), "must have the rows of image"),
        (lambda c: c["overscan"].update(method="mean"), "overscan.method: "),
        (lambda c: c["overscan"].update(skip=16), "overscan.skip: 16 leaves nothing of serial_overscan"),
        (lambda c: c["overscan"].update(skip=-1), "overscan.skip: "),
        (
            lambda c: c["overscan"].update(trailing_skip=14),
            "overscan.skip: 2 and overscan.trailing_skip: 14 leaves nothing of serial_overscan",
        ),
        (lambda c: c["overscan"].update(parallel={"method": "median-per-row"}), "overscan.parallel.method: "),
        (lambda c: c["overscan"].update(parallel={"skip": 8}), "overscan.parallel.skip: 8 leaves nothing"),
        (lambda c: c["overscan"].update(knots=1), "overscan.knots: "),
        (
            _amplifier(serial_overscan=None),
            "detector 1: amplifier 'A10': overscan 'median-per-row' needs a serial",
        ),
        (_amplifier(linearity={"model": "cubic"}), "detectors[1].amplifiers[2].linearity: "),
        (
            _amplifier(linearity={"model": "spline", "knots": [0, 1], "values": [0]}),
            "detectors[1].amplifiers[2].linearity.spline: linearity spline: ",
        ),
        (
            _amplifier(linearity={"model": "polynomial", "coefficients": [1e-6]}),
            "detector 1: linearity: missing for amplifiers A00, A01, A11",
        ),
        (lambda c: c["detectors"][0].update(defects=["[0:1,1:1]"]), "detectors[0].defects[0]: "),
        (
            lambda c: c["detectors"][0].update(defects=["[1:129,1:1]"]),
            "defects[0] [1:129,1:1] leaves the trimmed",
        ),
        (lambda c: c["detectors"][1].update(id=0), "detector ids repeat"),
        (lambda c: c["detectors"][1]["amplifiers"].pop(), "belong to no amplifier"),
        (lambda c: c["header"].pop("detector"), "header.detector.cards is needed"),
        (lambda c: c["files"].update(hdus="extension-per-detector"), "need hdu"),
        (lambda c: c["header"]["exposure_id"].update(cards=[]), "names no source"),
        (lambda c: c["files"].update(identify={"A": "("}), "regular expression"),
        (lambda c: c.update(classification=[{"type": "bias"}]), "classification[0]: "),
        (lambda c: c.update(association={"bias": {"groupby": []}}), "groupby"),
        (lambda c: c.update(verification={"bias.amplifier.SMELL": 1.0}), "SMELL"),
    ],
)
def test_a_wrong_instrument_file_is_told_with_file_and_field(tmp_path, spoil, says):
    spoiled = content()
    spoil(spoiled)
    path = write(tmp_path, spoiled)
    with pytest.raises(InstrumentError) as caught:
        load_instrument(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert check_instrument(path) == caught.value.problems


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "no mapping"),
        ("name: [", "is not YAML"),
        ("name: a\nname: b\n", "'name' is written twice"),
        ("name: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("? [a]\n: 1\n", "is not YAML"),
        ("a: " + "[" * 5000, "nested too deep"),
    ],
)
def test_what_is_no_instrument_is_told(tmp_path, text, says):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    (problem,) = check_instrument(path)
    assert says in problem


def test_missing_binary_and_misnamed_files_are_told(tmp_path):
    assert "cannot be read" in check_instrument(tmp_path / "none.yaml")[0]
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in check_instrument(binary)[0]
    assert "name the file after it" in check_instrument(write(tmp_path, content(), "other.yaml"))[0]


def test_an_unknown_name_names_those_that_are_known():
    with pytest.raises(InstrumentError, match=r"known are .*kast-blue"):
        load_instrument("hubble")


def test_an_unknown_detector_names_those_that_are_known(tiny):
    with pytest.raises(KeyError, match="it has 0, 1"):
        tiny.geometry(7)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ([[0]], r"crosstalk_groups\[0\]: has 1 detectors, must have two or more"),
        ([[0, 1], [2, 9]], r"crosstalk_groups\[1\]: there is no detector 9; there are 0, 1, 2"),
        ([[0, 1], [1, 2]], r"crosstalk_groups\[1\]: detector 1 is named twice"),
    ],
)
def test_groups_of_detectors_that_cannot_be_are_named(groups, says):
    content = load_instrument("simcam-raft").model_dump(mode="json")
    with pytest.raises(ValidationError, match=says):
        Instrument.model_validate(content | {"crosstalk_groups": groups})


def test_a_detector_is_leaked_into_by_the_others_of_its_group():
    plain = load_instrument("simcam-raft")
    grouped = Instrument.model_validate(
        plain.model_dump(mode="json") | {"crosstalk_groups": [[2, 0, 1], [4, 5]]}
    )
    assert [grouped.leaking_into(one) for one in (0, 1, 3, 4)] == [(1, 2), (0, 2), (), (5,)]
    assert grouped.hash != plain.hash
    assert "crosstalk_groups" not in plain.canonical()  # products of it keep their ids
