"""What is told of an image: the reference's table of events and fields, their order, and the times in them."""

import asyncio

import pytest

from calibrant.camera.sequence import TakingImages
from calibrant.camera.ticking import SimulatedClock
from calibrant.contracts.camera.v1 import IntegrationMode, StoredFile
from calibrant.contracts.common.v1 import DataRef
from calibrant.frames.times import format_time, parse_time

S_NS = 1_000_000_000
BLOCK = (
    *("additional_keys", "additional_values", "images_in_sequence", "image_name", "image_index"),
    *("image_source", "image_controller", "day_obs", "image_number", "acquisition_start"),
)
"""The common block of the reference's table of events, in our names (imageDate is ``day_obs``)."""
TABLE = {
    "StartIntegration": ("exposure_time_s", "mode", "timeout_s"),
    "ImageReadoutParameters": (
        *("image_name", "ccd_location", "raft_bay", "ccd_slot", "read_rows", "read_cols"),
        *("pre_cols", "over_cols", "over_rows", "daq_folder", "daq_annotation"),
    ),
    "StartReadout": ("exposure_time_s", "start_of_readout"),
    "EndReadout": ("requested_exposure_time_s", "end_of_readout"),
    "EndOfImageTelemetry": (
        *("exposure_time_s", "image_tag", "date_obs", "date_end"),
        *("measured_shutter_open_time_s", "dark_time_s", "emulated_image"),
    ),
    "ImageStored": ("image_name", "image_stored"),
    "FitsFilesWritten": (
        *("image_name", "files_written", "root_file_name", "relative_file_names", "file_node"),
    ),
    "ExposureStored": ("files",),
}
"""The reference's table of events in order, each with the fields beside the block; the last one is our own."""
WITHOUT_BLOCK = {"ImageReadoutParameters", "ImageStored", "FitsFilesWritten"}


@pytest.fixture
def told(desk):
    """Everything that is told of a dark of 30 s, as it is told, with what the camera's clock shows."""
    desk.enable()
    command, _ = desk.take(image_type="DARK", exposure_time_s=30.0, observation_note="of the night")
    steps = TakingImages(desk.service, command, "run-1")
    row, began = desk.step(lambda session: steps.begin_image(session, 1))
    moments = steps.telling(row).readout()
    readout = [
        (at, event) for at, events in moments for event in events if "substate" not in event.model_fields_set
    ]
    ref = DataRef(uri="objects:raw/20260101/SC_0.fits", sha256="0", size_bytes=1, media_type="image/fits")
    files = [StoredFile(detector=0, ref=ref)]
    last = moments[-1].at_tai_ns
    stored = desk.step(lambda session: steps.store_image(session, row, files, 1, last))
    return [(row.begin_tai_ns, *began), *readout, *[(last, event) for event in stored]]


def test_every_event_of_the_table_is_told_in_order_with_all_its_fields(told):
    events = [event for _, event in told]
    assert [type(event).__name__ for event in events] == list(TABLE)
    for event in events:
        name = type(event).__name__
        assert {"component", *TABLE[name]} <= type(event).model_fields.keys()
        if name not in WITHOUT_BLOCK:
            assert {*BLOCK} <= type(event.image).model_fields.keys()
            assert event.image == events[0].image


def test_the_times_in_the_events_are_those_at_which_they_come(told):
    begin = parse_time("2026-01-01T22:00:00")
    assert [(at - begin) / S_NS for at, _ in told] == [0.0, 30.0, 30.0, 32.0, *[32.3] * 4]
    integration, _, start, end, telemetry, stored, written, exposure = [event for _, event in told]
    assert integration.image.acquisition_start.ns == telemetry.date_obs.ns == exposure.begin.ns == begin
    assert start.start_of_readout.ns == telemetry.date_end.ns == begin + 30 * S_NS
    assert end.end_of_readout.ns == begin + 32 * S_NS
    assert stored.image_stored.ns == written.files_written.ns == begin + 32_300_000_000


def test_what_an_image_says_of_itself(told):
    integration, parameters, _, _, telemetry, _, written, _ = [event for _, event in told]
    image = integration.image
    assert (image.image_source, image.image_controller, image.day_obs) == ("SC", "O", "20260101")
    assert dict(zip(image.additional_keys, image.additional_values, strict=True)) == {
        "imageType": "DARK",
        "groupId": "group-1",
    }
    assert (integration.mode, integration.timeout_s) == (IntegrationMode.TIMED, 30.0)
    assert (telemetry.measured_shutter_open_time_s, telemetry.dark_time_s) == (0.0, 30.0)
    assert (parameters.ccd_location, parameters.raft_bay, parameters.ccd_slot) == (
        *(("S00", "S01"), ("", ""), ("S00", "S01")),
    )
    # simcam-tiny's file: quarters of 64 x 64 with 2 prescan and 16 overscan columns, 8 overscan rows
    sizes = ("read_rows", "read_cols", "pre_cols", "over_cols", "over_rows")
    assert [getattr(parameters, name) for name in sizes] == [(n, n) for n in (64, 64, 2, 16, 8)]
    assert (parameters.daq_folder, parameters.daq_annotation) == ("raw/20260101", "of the night")
    assert telemetry.image_tag == "raw/20260101/SC_O_20260101_000001"
    assert (written.root_file_name, written.relative_file_names) == ("raw/20260101", ("SC_0.fits",))


def test_numbers_never_repeat_whatever_the_clock_shows_and_the_day_rolls_at_noon(desk):
    desk.enable()
    names = []
    for index, time in enumerate(("2026-01-02T11:59:00", "2026-01-02T12:00:01", "2026-01-01T23:00:00"), 1):
        command, _ = desk.take(str(index))
        steps = TakingImages(desk.service, command, "")
        row, _ = desk.step(
            lambda session, steps=steps, time=time: steps.begin_image(session, 1, parse_time(time))
        )
        names.append((row.image_name, row.exposure_id, format_time(row.begin_tai_ns)))
    assert names == [
        ("SC_O_20260101_000001", 2026010100001, "2026-01-02T11:59:00.000"),
        ("SC_O_20260102_000001", 2026010200001, "2026-01-02T12:00:01.000"),
        (
            "SC_O_20260102_000002",
            2026010200002,
            "2026-01-02T12:00:03.000",
        ),  # never back: the readout took 2 s
    ]


@pytest.mark.parametrize(("speed", "shows_s"), [(0.0, 0.0), (1.0, 2.5), (100.0, 250.0)])
def test_the_simulated_clock_runs_on_from_the_first_exposure_as_fast_as_it_is_told(
    hand_clock, speed, shows_s
):
    clock = SimulatedClock(hand_clock, speed)
    assert clock.now_tai_ns() == 0
    clock.reach(7 * S_NS)
    hand_clock.now += 2_500_000_000
    assert clock.now_tai_ns() == (7 + shows_s) * S_NS
    clock.reach(1)
    assert clock.now_tai_ns() == (7 + shows_s) * S_NS


def test_a_clock_that_follows_the_systems_begins_images_now_whatever_was_before(desk, hand_clock):
    desk.service.clock = SimulatedClock(hand_clock, 1.0, follows=True)
    desk.enable()
    desk.step(lambda session: setattr(desk.service.status(session), "clock_tai_ns", hand_clock.now * 2))
    desk.service.clock.reach(hand_clock.now * 2)
    command, _ = desk.take(image_type="DARK", exposure_time_s=5.0)
    now = desk.service.clock.now_tai_ns()
    row, _ = desk.step(lambda session: TakingImages(desk.service, command, "").begin_image(session, 1, now))
    assert (row.begin_tai_ns, row.end_tai_ns - row.begin_tai_ns) == (hand_clock.now, 7 * S_NS)
    assert desk.service.begin_night() == row.day_obs


@pytest.mark.asyncio
@pytest.mark.parametrize(("speed", "passes_s"), [(0.0, 0.0), (10.0, 0.5)])
async def test_an_instant_of_the_simulated_clock_is_waited_for(hand_clock, monkeypatch, speed, passes_s):
    async def pass_time(seconds):
        hand_clock.now += round(seconds * S_NS)

    monkeypatch.setattr(asyncio, "sleep", pass_time)
    clock, before = SimulatedClock(hand_clock, speed), hand_clock.now
    clock.reach(100 * S_NS)
    await clock.until(105 * S_NS)
    assert (hand_clock.now - before) / S_NS == passes_s
