"""Recorded images are played instead of simulated ones: lists of them, their pixels, and what cannot be played."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from calibrant.camera.checks import problem_of
from calibrant.camera.defining import DefiningPlaylist
from calibrant.camera.exposing import Camera, FramePlan, Played, expose
from calibrant.camera.recordings import NoFolder, NoRecording, Recording, recordings
from calibrant.camera.sequence import TakingImages
from calibrant.camera.simulator import HeaderValues, cards
from calibrant.contracts.camera.v1 import AckCode, EndOfImageTelemetry, Play, Playlist
from calibrant.frames.reading import read_frames
from calibrant.frames.times import NS_PER_S, parse_time
from calibrant.frames.writing import raw_bytes
from calibrant.runtime.objects import FolderStore, FrameFolders
from calibrant.sal import Composer
from calibrant.sal.acks import ERROR

NIGHT = parse_time("2026-01-01T22:00:00")


def header(number, detector, image_type="BIAS"):
    name = f"SC_O_20260101_{number:06d}"
    begin = NIGHT - number * NS_PER_S  # a later number is an earlier time
    return HeaderValues(name, 2026010100000 + number, detector, image_type, begin, 0.0, 0.0, "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, instrument):
    """Two images of two detectors and one of one, each frame with its own level."""
    place = tmp_path_factory.mktemp("recorded")
    for number, detector in ((1, 0), (1, 1), (2, 0), (2, 1), (3, 0)):
        values = header(number, detector)
        array = np.full(instrument.detector(detector).raw_shape, 100 * number + detector, np.uint16)
        array[0, 0] = 7
        path = place / f"{values.image_name}_{detector}.fits"
        path.write_bytes(raw_bytes(array, cards(instrument, values)))
    master = fits.PrimaryHDU(array.astype(np.float32), fits.getheader(path))
    master.writeto(place / "master.fits")
    (place / "notes.txt").write_text("of the night")
    (place / "broken.fits").write_text("no frame")
    return place


def test_a_folders_images_are_those_asked_for_or_all_by_their_times(instrument, folder):
    canonical = instrument.canonical()
    assert [one.name for one in recordings(canonical, str(folder), ())] == [
        *("2026010100003", "2026010100002", "2026010100001"),
    ]
    asked = recordings(canonical, str(folder), ("SC_O_20260101_000001", "2026010100003"))
    assert [(one.name, sorted(one.files)) for one in asked] == [
        ("SC_O_20260101_000001", [0, 1]),
        ("2026010100003", [0]),
    ]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (".", "which has SC_O_20260101_000001, SC_O_20260101_000002, SC_O_20260101_000003"),
        ("broken", "has no frames of simcam-tiny: broken.fits"),
        ("masters", "has no frames of simcam-tiny: master.fits has pixels of float32, not unsigned 16 bits"),
        ("nowhere", "nowhere cannot be read: No such file"),
    ],
)
def test_what_no_list_can_be_made_of_is_told(instrument, folder, tmp_path, place, text):
    (tmp_path / "broken").mkdir()
    (tmp_path / "masters").mkdir()
    shutil.copy(folder / "master.fits", tmp_path / "masters")
    (tmp_path / "broken" / "broken.fits").write_text("no frame")
    with pytest.raises(NoFolder, match=text):
        recordings(instrument.canonical(), str(folder if place == "." else tmp_path / place), ("SC_O_2026",))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"playlist": ""}, "playlist is ''; give a name"),
        ({"folder": "emu"}, "folder is 'emu'; give a full path"),
        ({"folder": "/emu\0"}, "folder is '/emu\\x00'; give a full path"),
        ({"images": ("x", "")}, "images has ''; give names"),
        ({"images": ("x" * 256,)}, "images has 'xxx"),
        ({"images": ("x",) * 10_001}, "images are 10001; give 10000 at most"),
    ],
)
def test_fields_of_a_list_are_checked(instrument, hand_clock, changed, text):
    fields = {"playlist": "p", "folder": "/f"} | changed
    command = Composer("camera", "test", hand_clock).command(Playlist, "1", timeout_s=60.0, **fields)
    assert problem_of(command, instrument, ()).startswith(text)


def test_a_played_frame_has_recorded_pixels_and_its_own_header(instrument, folder, tmp_path):
    store, values = FolderStore(tmp_path / "objects"), header(12, 1, "DARK")
    file = folder / "SC_O_20260101_000002_1.fits"
    plan = FramePlan(
        Camera(instrument.canonical(), 1), values, "20260101", False, (), Played("two", str(file))
    )
    stored = expose(plan, store)
    (frame,) = read_frames(store.local_path(stored.ref), instrument)
    assert (frame.array[5, 5], frame.array[0, 0], frame.detector) == (201, 7, 1)
    assert (frame.facts.image_type.value, frame.facts.begin_tai_ns) == ("dark", values.begin_tai_ns)
    assert frame.header["PLAYED"] == "two"
    lost = FramePlan(plan.camera, values, "20260101", False, (), Played("two", str(file) + ".gone"))
    with pytest.raises(NoRecording, match="cannot be played any more"):
        expose(lost, store)


def test_no_file_outside_the_allowed_folders_is_played(instrument, folder, tmp_path):
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "x_0.fits").symlink_to(folder / "SC_O_20260101_000001_0.fits")
    with pytest.raises(NoFolder, match="has no frames"):
        recordings(instrument.canonical(), str(lent), ())
    store = FolderStore(tmp_path / "objects", FrameFolders((lent,)))
    played = Played("one", str(lent / "x_0.fits"))
    plan = FramePlan(Camera(instrument.canonical(), 1), header(1, 0), "20260101", False, (), played)
    with pytest.raises(NoRecording, match="lies outside the folders"):
        expose(plan, store)


def test_a_list_has_a_bound_in_frames(instrument, folder, monkeypatch):
    monkeypatch.setattr("calibrant.camera.recordings.MOST_FRAMES", 4)
    assert len(recordings(instrument.canonical(), str(folder), ("SC_O_20260101_000001",) * 2)) == 2
    with pytest.raises(NoFolder, match="3 images of 5 frames are too many"):
        recordings(instrument.canonical(), str(folder), ())


def order(desk, kind, cause="1", **fields):
    command = desk.remote.command(kind, cause, timeout_s=60.0, **fields)
    ack = desk.handle(command)[0]
    return command, (ack.ack, ack.result)


def take(desk, *cause, **fields):
    command, (ack,) = desk.take(*cause, **fields)
    steps = TakingImages(desk.service, command, "")
    if ack.ack is AckCode.FAILED:
        return ack.result
    rows = [
        desk.step(lambda session, place=place: steps.begin_image(session, place))[0]
        for place in range(1, command.num_images + 1)
    ]
    desk.step(lambda session: steps.end(session, AckCode.COMPLETE, "taken", 1))
    told = [event for row in rows for moment in steps.telling(row).readout() for event in moment.events]
    return [one.emulated_image for one in told if isinstance(one, EndOfImageTelemetry)]


def test_images_are_played_in_order_until_the_list_ends_or_again_and_again(desk):
    desk.enable()
    images = [
        Recording(name="one", begin_tai_ns=1, files={0: "/a", 1: "/b"}),
        Recording(name="two", begin_tai_ns=2, files={0: "/c"}),
    ]
    command, (begun, _) = order(desk, Playlist, playlist="p", folder="/f")
    assert begun is AckCode.IN_PROGRESS
    defining = DefiningPlaylist(desk.service, command, "")
    (end,) = desk.step(lambda session: defining.define(session, images, 1))
    assert (end.ack, end.result) == (AckCode.COMPLETE, "p has 2 image(s)")
    assert take(desk, "simulated") == [""]
    assert order(desk, Play, "q", playlist="q", repeat=False)[1] == (
        AckCode.FAILED,
        "no playlist 'q'; there are: p. The command playlist defines one",
    )
    assert order(desk, Play, "once", playlist="p", repeat=False)[1] == (
        AckCode.COMPLETE,
        "p is played: 2 image(s), once",
    )
    lacking = "image two of playlist p has no frame of detectors [1]: give other sensors"
    assert take(desk, "both", num_images=2) == lacking
    assert take(desk, "a", num_images=2, sensors=(0,)) == ["one", "two"]
    assert take(desk, "b", sensors=(0,)).startswith("playlist p is at its end: send play")
    assert desk.take("final", sensors=(0,))[1][0].error == ERROR  # no time makes it longer
    order(desk, Play, "repeat", playlist="p", repeat=True)
    assert take(desk, "c", num_images=5, sensors=(0,)) == ["one", "two", "one", "two", "one"]
    assert order(desk, Play, "none", playlist="", repeat=False)[1] == (
        AckCode.COMPLETE,
        "images are simulated",
    )
    assert take(desk, "d") == [""]
