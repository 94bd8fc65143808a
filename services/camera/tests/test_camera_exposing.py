"""Taking one frame as a child process does: files, truth, repetition, clean-up, and how long it takes."""

import errno
import json
import os
import time
from pathlib import Path

import pytest
from astropy.io import fits

from calibrant.camera.exposing import Camera, FramePlan, expose, remove_image, truth_key
from calibrant.camera.simulator import HeaderValues
from calibrant.frames.instrument import load_instrument
from calibrant.frames.times import parse_time
from calibrant.runtime.objects import FolderStore, StoreUnavailable


def plan(name="simcam-tiny", number=1, image_type="DARK", exposure_s=30.0, effects=()):
    header = HeaderValues(
        f"SC_O_20260101_{number:06d}",
        2026010100000 + number,
        0,
        image_type,
        parse_time("2026-01-01T22:00:00"),
        exposure_s,
        exposure_s,
        "",
    )
    camera = Camera(load_instrument(name).canonical(), 1, effects=effects)
    return FramePlan(camera, header, "20260101", shutter=image_type == "FLAT")


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


def test_taking_a_frame_again_changes_nothing(store):
    first = expose(plan(), store)
    before = {key: store.path_of(f"objects:{key}").stat().st_mtime_ns for key in store.keys("raw")}
    assert expose(plan(), store) == first
    assert {key: store.path_of(f"objects:{key}").stat().st_mtime_ns for key in store.keys("raw")} == before
    assert store.local_path(first.ref).stat().st_size == first.ref.size_bytes


def test_the_truth_about_effects_lies_beside_the_frames(store):
    with_effects = plan(effects=("defects", "telegraph-pixels=pixels:5", "brighter-fatter"))
    expose(with_effects, store)
    frame = json.loads((store.root / "raw/20260101/SC_O_20260101_000001_0.truth.json").read_bytes())
    assert frame["static"] == truth_key(with_effects) != truth_key(plan())
    told = json.loads((store.root / frame["static_effects"]).read_bytes())
    assert (told["detector"], told["seed"]) == (0, 1)
    places = told["effects"]["telegraph-pixels"]["places"]
    assert len(places) == 5
    assert all(place in places for place in frame["effects"]["telegraph-pixels"]["high"])
    with fits.open(store.root / frame["static"]) as maps:
        row, column = told["effects"]["defects"]["hot_pixels"][0]
        assert (
            maps["DEFECT_DARK"].data[row, column] == told["effects"]["defects"]["parameters"]["hot_e_per_s"]
        )
        assert maps["BF_AREA"].data.min() == pytest.approx(
            told["effects"]["brighter-fatter"]["parameters"]["a00_per_e"]
        )
        assert maps["BF_AREA"].header["BUNIT"] == "1/electron"


def test_without_effects_the_truth_is_what_it_was(store):
    expose(plan(), store)
    assert "static_effects" not in json.loads(
        (store.root / "raw/20260101/SC_O_20260101_000001_0.truth.json").read_bytes()
    )
    assert not [key for key in store.keys("raw") if "effects" in key]


def test_removing_an_image_leaves_all_others(store):
    expose(plan(number=1), store)
    kept = expose(plan(number=11), store)  # a name that begins alike, but for its end
    cut_off = store.root / "raw/20260101/.SC_O_20260101_000001_0.fits.0123abcd"
    cut_off.write_bytes(b"half a frame")
    remove_image(store, "20260101", "SC_O_20260101_000001")
    assert not cut_off.exists()
    remove_image(store, "20260101", "SC_O_20260101_000001")
    left = list(store.keys("raw/20260101"))
    assert left == [
        kept.ref.uri.removeprefix("objects:"),
        kept.ref.uri.removeprefix("objects:").replace(".fits", ".truth.json"),
    ]


def test_a_large_frame_takes_a_processor_a_quarter_of_a_second(store):
    times_s = []
    for number in range(1, 7):
        begun = time.process_time()
        expose(plan("simcam", number, "FLAT", 5.0), store)
        times_s.append(time.process_time() - begun)
    assert min(times_s[1:]) < 0.25


def test_a_full_disk_is_waited_for_also_that_of_temporary_files(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreUnavailable, match=r"no space left for .*: free some"):
        expose(plan(), store)
    assert list(store.keys("raw")) == []
