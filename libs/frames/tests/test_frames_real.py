"""Real frames of four cameras: every file read, classified, and where its description says its pixels are."""

from collections import Counter

import numpy as np
import pytest

from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.reading import FrameRejected, RejectionReason, read_frames
from calibrant.frames.times import format_time

pytestmark = pytest.mark.real_frames

COUNTS = {
    "newton-du940p": {"bias": 32, "flat": 23, "arc": 1},
    "afosc-ccd42-40": {"bias": 30, "flat": 30, "science": 6},
    "st402": {"dark": 7, "flat": 5},
    "kast-blue": {"bias": 3, "flat": 3, "arc": 1, "standard": 1, "science": 1},
}


def frames_of(real_data, name, pattern="*.gz"):
    instrument = load_instrument(name)
    paths = sorted(p for p in (real_data / name).rglob(pattern) if p.parent.name != "peer")
    assert paths
    return [frame for path in paths for frame in read_frames(path, instrument)]


@pytest.mark.parametrize("name", COUNTS)
def test_every_file_is_read_and_classified(real_data, name):
    instrument = load_instrument(name)
    frames = frames_of(real_data, name)
    assert Counter(str(frame.facts.image_type) for frame in frames) == COUNTS[name]
    assert len({frame.frame_id for frame in frames}) == len(frames)
    assert len({frame.facts.exposure_id for frame in frames}) == len(frames)
    for frame in frames:
        assert frame.array.shape == instrument.detector(frame.detector).raw_shape
        assert frame.ignored == ()


def test_newton_nights_and_times(real_data):
    frames = frames_of(real_data, "newton-du940p", "bias_*")
    assert Counter(frame.facts.night for frame in frames) == {"20220919": 11, "20220921": 10, "20220922": 11}
    begins = sorted(frame.facts.begin_tai_ns for frame in frames)
    assert format_time(begins[0]) == "2022-09-19T19:47:40.000"
    assert {frame.facts.exptime_s for frame in frames} == {1e-5}
    assert all((frame.array == np.round(frame.array)).all() for frame in frames)


def test_newton_pools_its_biases_into_one_set():
    rule = load_instrument("newton-du940p").rule_set().rule_for("bias")
    assert rule.group_by == ()


def test_kast_overscans_hold_the_bias_level_of_their_amplifier(real_data):
    geometry = load_instrument("kast-blue").geometry(0)
    frames = frames_of(real_data, "kast-blue")
    for frame in (frame for frame in frames if frame.facts.image_type == "bias"):
        levels = [np.median(frame.array[a.serial_overscan.slices]) for a in geometry.amplifiers]
        images = [np.median(frame.array[a.image.slices]) for a in geometry.amplifiers]
        assert levels == pytest.approx([945, 966], abs=2.5)  # 1 to 2 ADU below the image's
        assert images == pytest.approx([945, 966], abs=1.5)
    flat = next(frame for frame in frames if frame.facts.image_type == "flat")
    lit = [np.median(flat.array[a.image.slices]) for a in geometry.amplifiers]
    dark = [np.median(flat.array[a.serial_overscan.slices]) for a in geometry.amplifiers]
    assert min(lit) > 2 * max(dark)
    assert max(dark) < 1000


def test_what_kast_would_skip_is_the_one_column_off_the_level(real_data):
    content = load_instrument("kast-blue").model_dump(mode="json")
    content["overscan"]["skip"] = 1
    skipping = Instrument.model_validate(content).geometry(0)
    whole = load_instrument("kast-blue").geometry(0)
    for frame in frames_of(real_data, "kast-blue", "b2[123]*"):
        for kept, full in zip(skipping.amplifiers, whole.amplifiers, strict=True):
            columns = frame.array[kept.serial_overscan.slices].mean(axis=0)
            total = (
                frame.array[full.serial_overscan.slices].sum()
                - frame.array[kept.serial_overscan.slices].sum()
            )
            assert np.abs(columns - np.median(columns)).max() < 2
            assert total / full.image.shape[0] < np.median(columns) - 5


def test_kast_nights_and_filters(real_data):
    facts = frames_of(real_data, "kast-blue", "b27*")[0].facts
    assert (facts.exposure_id, facts.night, facts.exptime_s) == ("20150519-27", "20150519", 1200.0)


def test_afosc_prescan_stays_level_under_light_and_its_image_is_all_lit(real_data):
    (amplifier,) = load_instrument("afosc-ccd42-40").geometry(0).amplifiers
    frames = frames_of(real_data, "afosc-ccd42-40")
    bias = [frame.array for frame in frames if frame.facts.image_type == "bias"]
    flat = [frame.array for frame in frames if frame.facts.image_type == "flat"]
    level = np.mean([array[amplifier.serial_overscan.slices].mean() for array in bias])
    under_light = np.mean([array[amplifier.serial_overscan.slices].mean() for array in flat])
    assert under_light == pytest.approx(level, abs=1.0)
    assert np.median(bias) == pytest.approx(1461, abs=2)
    columns = np.median(np.mean(flat, axis=0)[amplifier.image.slices], axis=0)
    assert columns.min() > 0.9 * columns.max()
    outside = np.delete(
        np.median(np.mean(flat, axis=0), axis=0), np.s_[amplifier.image.x0 : amplifier.image.x1]
    )
    assert outside.max() < 0.8 * columns.max()


def test_st402_facts(real_data):
    frames = frames_of(real_data, "st402")
    assert {(frame.facts.exptime_s, frame.facts.night) for frame in frames} == {(2.0, "20171012")}
    flats = {frame.facts.filter for frame in frames if frame.facts.image_type == "flat"}
    assert flats == {"Red"}


@pytest.mark.parametrize(
    ("name", "file"), [("st402", "master_dark_2s_1012.fit.gz"), ("newton-du940p", "master_bias.fits.gz")]
)
def test_masters_made_by_others_are_not_taken_for_raw_frames(real_data, name, file):
    with pytest.raises(FrameRejected) as caught:
        read_frames(real_data / name / "peer" / file, load_instrument(name))
    assert caught.value.reason in {RejectionReason.WRONG_INSTRUMENT, RejectionReason.UNKNOWN_TYPE}


def floyds():
    """Describe the camera of the fpacked frames, by changing the description of another."""
    content = load_instrument("st402").model_dump(mode="json")
    content["name"] = "floyds-en12"
    content["files"]["identify"] = {"INSTRUME": "^en12$"}
    content["classification"] = [
        {"type": "flat", "card": "OBSTYPE", "equals": "LAMPFLAT"},
        {"type": "arc", "card": "OBSTYPE", "equals": "ARC"},
        {"type": "science", "card": "OBSTYPE", "equals": "SPECTRUM"},
    ]
    content["detectors"][0]["raw_shape"] = [512, 2079]
    content["detectors"][0]["amplifiers"][0] |= {"image": "[1:2079,1:512]", "placed": None}
    return type(load_instrument("st402")).model_validate(content)


def test_rice_compressed_frames_of_an_observatory(real_data):
    camera = floyds()
    frames = [frame for p in sorted((real_data / "floyds").rglob("*.fz")) for frame in read_frames(p, camera)]
    assert Counter(str(frame.facts.image_type) for frame in frames) == {"flat": 1, "arc": 1, "science": 1}
    flat = next(frame for frame in frames if frame.facts.image_type == "flat")
    assert flat.array.dtype == np.uint16
    assert (flat.facts.exptime_s, flat.facts.filter) == (40.027, "air")
    assert format_time(flat.facts.begin_tai_ns) == "2020-03-21T19:02:32.746"
    assert "ZCMPTYPE" not in flat.header
