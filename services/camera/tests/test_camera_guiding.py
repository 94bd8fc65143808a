"""What is read of guide sensors: what may be commanded, for which images it holds, and the files with their stamps."""

import json

import numpy as np
import pytest
from astropy.io import fits

from calibrant.camera.checks import problem_of
from calibrant.camera.guiding import Common, Roi
from calibrant.camera.sequence import TakingImages
from calibrant.camera.simulator import Exposure, Seen
from calibrant.camera.stamps import StampsPlan, take_stamps
from calibrant.contracts.camera.v1 import AckCode, ExposureStored, FitsFilesWritten, InitGuiders, StoredFile
from calibrant.contracts.common.v1 import DataRef
from calibrant.frames.instrument import GuideSensor
from calibrant.frames.reading import FrameRejected, RejectionReason, read_frames
from calibrant.runtime.objects import FolderStore
from calibrant.sal import Composer
from calibrant.sal.acks import ERROR

SENSORS = tuple(
    GuideSensor(
        id=189 + number,
        name=f"R00_SG{number}",
        segments=16,
        segment_shape=(2000, 509),
        gain_e_per_adu=1.0,
        read_noise_e=0.0,
    )
    for number in (0, 1)
)
COMMON = {"rows": 20, "cols": 30, "integrationTimeMillis": 100}
ROI = {"segment": 7, "startRow": 800, "startCol": 56}


def spec(common=None, **rois):
    return json.dumps({"common": COMMON | (common or {}), **(rois or {"R00SG0": ROI, "R00SG1": ROI})})


@pytest.fixture(scope="module")
def guided(instrument):
    return instrument.model_copy(update={"guiders": SENSORS})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (spec(), ""),
        ("", ""),
        ("{", "roi_spec: Invalid JSON"),
        ("[" * 3000, "roi_spec: Invalid JSON: recursion limit exceeded"),
        (" " * 4001, "roi_spec has 4001 characters; give 4000 at most"),
        ('{"R00SG0": {}}', "roi_spec.common: Field required"),
        (json.dumps({"common": COMMON}), "roi_spec names no guide sensor"),
        (spec({"rows": 401}), "roi_spec.common.rows: Input should be less than or equal to 400"),
        (spec({"cols": "30"}), "roi_spec.common.cols: Input should be a valid integer"),
        (
            spec({"integrationTimeMillis": 4}),
            "roi_spec.common.integrationTimeMillis: Input should be greater",
        ),
        (spec(R00SG0=ROI | {"startRow": True}), "roi_spec.R00SG0.startRow: Input should be a valid integer"),
        (spec(R00SG0={"segment": 1}), "roi_spec.R00SG0.startRow: Field required"),
        (spec(R00SG0=ROI | {"segment": 16}), "roi_spec.R00SG0.segment is 16; give 0 to 15"),
        (
            spec(R00SG0=ROI | {"startRow": 1981}),
            "roi_spec.R00SG0.startRow is 1981: 20 from there leave the segment of 2000; give 1980 at most",
        ),
        (spec(R00SG0=ROI | {"startCol": 480}), "roi_spec.R00SG0.startCol is 480"),
        (spec(R00SG2=ROI), "roi_spec.R00SG2: no such guide sensor; did you mean R00SG"),
        (spec(nothing=ROI), "roi_spec.nothing: no such guide sensor; there are R00SG0, R00SG1"),
    ],
)
def test_what_is_read_lies_in_a_guide_sensor_that_there_is(guided, hand_clock, text, problem):
    command = Composer("camera", "test", hand_clock).command(InitGuiders, "1", timeout_s=60.0, roi_spec=text)
    found = problem_of(command, guided, ())
    assert found.startswith(problem) if problem else not found


def init(desk, text, cause="1"):
    (ack,) = desk.handle(desk.remote.command(InitGuiders, cause + text, timeout_s=60.0, roi_spec=text))
    return ack.ack, ack.result


def image(desk, cause, **fields):
    """Take an image; return its stamps' plans and what is told of its files."""
    command, (ack,) = desk.take(cause, **fields)
    assert ack.ack is AckCode.IN_PROGRESS, ack.result
    steps = TakingImages(desk.service, command, "")
    row, _ = desk.step(lambda session: steps.begin_image(session, 1))
    plans = desk.step(lambda session: steps.plans(session, row))
    folder = f"raw/{row.day_obs}"
    files = [
        StoredFile(
            detector=plan.sensor.id if isinstance(plan, StampsPlan) else plan.header.detector,
            ref=DataRef(uri=f"objects:{plan.key}", sha256="0" * 64, size_bytes=1, media_type="image/fits"),
        )
        for plan in plans
    ]
    told = desk.step(lambda session: steps.store_image(session, row, files, 1, 1))
    desk.step(lambda session: steps.end(session, AckCode.COMPLETE, "taken", 1))
    (written,) = [one.relative_file_names for one in told if isinstance(one, FitsFilesWritten)]
    (stored,) = [one.files for one in told if isinstance(one, ExposureStored)]
    assert [file.detector for file in stored] == [0, 1], folder
    return [plan for plan in plans if isinstance(plan, StampsPlan)], written


def test_it_holds_for_the_images_that_follow_until_it_is_taken_back_or_the_camera_starts(desk, guided):
    desk.enable()
    assert init(desk, "") == (AckCode.FAILED, "simcam-tiny has no guide sensors")
    desk.service.instrument = guided
    dark = {"image_type": "DARK", "exposure_time_s": 0.35}
    assert image(desk, "before", **dark)[0] == []
    text = "2 guide sensor(s): stamps of 20 x 30 pixels every 100 ms of an image"
    assert init(desk, spec()) == (AckCode.COMPLETE, text)
    plans, written = image(desk, "dark", **dark)
    assert [(plan.sensor.name, plan.count, plan.seen.star) for plan in plans] == [
        ("R00_SG0", 3, False),
        ("R00_SG1", 3, False),
    ]
    assert (plans[0].end_tai_ns - plans[0].begin_tai_ns) == 300_000_000
    name = plans[0].image_name
    assert written[2:] == (f"{name}_R00_SG0_guider.fits", f"{name}_R00_SG1_guider.fits")
    assert image(desk, "bias")[0] == []  # no stamp fits into an exposure of no time
    _, (ack,) = desk.take("long", image_type="DARK", exposure_time_s=6000.0)
    assert (ack.ack, ack.error) == (AckCode.FAILED, ERROR)
    assert ack.result.startswith("60000 stamps of 20 x 30 pixels are 68 MiB of a guide sensor, 64 MiB")
    assert init(desk, "", "2") == (AckCode.COMPLETE, "no stamps are taken")
    assert image(desk, "after", **dark)[0] == []
    init(desk, spec(R00SG1=ROI))
    desk.service.boot_id = "boot-2"
    desk.enable()
    assert image(desk, "restarted", **dark)[0] == []


def plan_of(instrument, image_type, *, shutter=True):
    """Return the plan of the second sensor's stamps."""
    exposure = Exposure(2026010100007, image_type, 5.0, 5.0, shutter)
    common, roi = {"rows": 41, "cols": 31, "integrationTimeMillis": 100}, ROI | {"segment": 12}
    return StampsPlan(
        instrument=instrument.canonical(),
        sensor=SENSORS[1],
        common=Common(**common),
        roi=Roi(**roi),
        image_name="SC_O_20260101_000007",
        night="20260101",
        begin_tai_ns=0,
        count=50,
        seen=Seen(exposure, 1, 1000.0, 5000.0),
    )


def test_a_file_has_the_stamps_of_a_guide_sensor_and_is_no_frame(guided, tmp_path):
    store, plan = FolderStore(tmp_path / "objects"), plan_of(guided, "OBJECT")
    stored = take_stamps(plan, store)
    path = store.local_path(stored.ref)
    assert (stored.detector, stored.detector_name) == (190, "R00_SG1")
    assert stored.ref.uri.endswith("raw/20260101/SC_O_20260101_000007_R00_SG1_guider.fits")
    assert take_stamps(plan, FolderStore(tmp_path / "again")).ref.sha256 == stored.ref.sha256
    with fits.open(path) as hdus:
        hdus.verify("exception")
        cube, header = hdus[0].data.astype(float), hdus[0].header
    assert cube.shape == (50, 41, 31)
    said = {"OBSID": "SC_O_20260101_000007", "RAFTBAY": "R00", "CCDSLOT": "SG1", "ROISEG": "Segment14"}
    said |= {"ROIROW": 800, "ROICOL": 56, "N_STAMPS": 50, "STAMPT": 0.1}
    said |= {"DATE-BEG": "1970-01-01T00:00:00.000000000", "DATE-END": "1970-01-01T00:00:05.000000000"}
    assert {card: header[card] for card in said} == said
    light = cube - 1000
    assert light.sum(axis=(1, 2)).mean() == pytest.approx(20_000, rel=0.01)  # 200 000 e/s for 0.1 s
    rows = (light.sum(axis=2) @ np.arange(41)) / light.sum(axis=(1, 2))
    assert rows.mean() == pytest.approx(20, abs=0.2)
    assert rows.std() == pytest.approx(0.3, abs=0.15)  # it wanders
    with pytest.raises(
        FrameRejected, match="stamps of guide sensor R00_SG1; nothing is calibrated"
    ) as refusal:
        read_frames(path, guided)
    assert refusal.value.reason is RejectionReason.UNKNOWN_DETECTOR


@pytest.mark.parametrize(
    ("image_type", "shutter", "level"),
    [("FLAT", True, 500.0), ("FLAT", False, 0.0), ("DARK", False, 0.0), ("INDOME", True, 0.0)],
)
def test_the_lamp_shines_on_guide_sensors_too_and_no_star_in_the_dome(
    guided, tmp_path, image_type, shutter, level
):
    store = FolderStore(tmp_path)
    stored = take_stamps(plan_of(guided, image_type, shutter=shutter), store)
    cube = fits.getdata(store.local_path(stored.ref))
    assert cube.mean() - 1000 == pytest.approx(level, rel=0.01)
