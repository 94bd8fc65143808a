"""Images that startImage begins: what is allowed when, how long they are exposed, what is told, and what ends them."""

import pytest

from calibrant.camera.checks import problem_of
from calibrant.camera.opening import EndingImage, OpeningImage, abandon
from calibrant.camera.store import ExposureState
from calibrant.contracts.camera.v1 import (
    AckCode,
    Clear,
    DisableCalibration,
    EnableCalibration,
    EndImage,
    EndReadout,
    ExposureStored,
    IntegrationMode,
    StartImage,
    StartIntegration,
    Stop,
    StoredFile,
)
from calibrant.contracts.common.v1 import DataRef
from calibrant.sal import Composer

S_NS = 1_000_000_000
FLAT = {
    "shutter": True,
    "key_value_map": "imageType: FLAT, groupId: g, program: P",
    "observation_note": "",
    "end_within_s": 60.0,
}


def order(desk, kind, cause="1", **fields):
    command = desk.remote.command(kind, cause, timeout_s=60.0, **fields)
    return command, desk.handle(command)


def ready(desk):
    desk.enable()
    order(desk, EnableCalibration)


def opened(desk, cause="1", **changed):
    """Begin an image; return its command, its row and what was told."""
    command, (ack,) = order(desk, StartImage, cause, **(FLAT | changed))
    assert ack.ack is AckCode.IN_PROGRESS, ack.result
    opening = OpeningImage(desk.service, command, "")
    desk.service.watch = desk.service.clock.watch()
    row, told = desk.step(lambda session: opening.open(session, 0, desk.clock.now))
    return command, row, told


def names(states):
    return [one.substate.name for one in states]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"end_within_s": 0.0}, "end_within_s is 0.0; give more than 0, 86400 s at most"),
        ({"end_within_s": -2.0}, "end_within_s is -2.0; give more than 0, 86400 s at most"),
        ({"key_value_map": "groupId: g"}, "key_value_map says no imageType; give one of BIAS, DARK"),
        ({"key_value_map": "imageType: BIAS", "shutter": False}, "a BIAS has no exposure time"),
        ({"key_value_map": "imageType: DARK"}, "the shutter stays closed for a DARK"),
        ({"key_value_map": "imageType: PRETTY"}, "image_type is 'PRETTY'; give one of"),
        ({"sensors": (0, 7)}, "sensors [7] are not in simcam-tiny, which has detectors [0, 1]"),
    ],
)
def test_what_no_image_can_be_begun_with_is_refused(instrument, hand_clock, changed, text):
    composer = Composer("camera", "test", hand_clock)
    command = composer.command(StartImage, "1", timeout_s=60.0, **(FLAT | changed))
    assert problem_of(command, instrument, ("r",)).startswith(text)


def test_calibration_is_enabled_before_and_an_open_image_admits_nothing_but_its_end(desk):
    desk.enable()
    _, (early,) = order(desk, StartImage, "early", **FLAT)
    assert (early.ack, early.result) == (
        AckCode.FAILED,
        "calibration is disabled: send enableCalibration first",
    )
    _, (ack,) = order(desk, EnableCalibration)
    assert (ack.ack, ack.result) == (AckCode.COMPLETE, "calibration is enabled")
    _, (none,) = order(desk, EndImage, "none")
    assert (none.ack, none.result) == (AckCode.FAILED, "no image is open: startImage begins one")
    twice = FLAT | {"key_value_map": "imageType: FLAT, imageType: DARK"}
    _, (unread,) = order(desk, StartImage, "twice", **twice)
    assert (unread.ack, unread.result) == (AckCode.FAILED, "key_value_map: imageType comes twice")
    _, row, _ = opened(desk)
    why = f"{row.image_name} is open: endImage ends it"
    refused = [
        desk.take("during")[1],
        order(desk, StartImage, "second", **FLAT)[1],
        order(desk, DisableCalibration)[1],
        order(desk, Clear, num_clears=1)[1],
    ]
    assert [(ack.ack, ack.result) for (ack,) in refused] == [(AckCode.FAILED, why)] * 4
    _, (stop,) = order(desk, Stop)
    assert (stop.ack, stop.result) == (AckCode.COMPLETE, why)


def test_an_image_is_exposed_until_its_end_is_commanded_and_says_so(desk):
    ready(desk)
    desk.states.clear()
    begun, row, told = opened(desk)
    began, end = [one for one in told if isinstance(one, StartIntegration)], told[-1]
    assert [(one.mode, one.exposure_time_s, one.timeout_s) for one in began] == [
        (IntegrationMode.COMMANDED, 0.0, 60.0)
    ]
    assert (end.ack, end.image_names) == (AckCode.COMPLETE, (row.image_name,))
    assert names(desk.states) == ["BUSY", "INTEGRATING", "NOT_READY", "INTEGRATING", "OPEN", "IDLE"]
    desk.clock.now += 7 * S_NS
    command, (ack,) = order(desk, EndImage)
    assert ack.ack is AckCode.IN_PROGRESS
    desk.clock.now += 90 * S_NS  # what the reading takes here counts for nothing
    ending = EndingImage(desk.service, command, "")
    assert desk.step(lambda session: ending.begin(session, desk.clock.now)) == []
    image, telling, plans = desk.step(ending.image)
    assert (image.exposure_time_s, image.dark_time_s) == (7.0, 7.0)
    assert (image.end_tai_ns - image.begin_tai_ns) / S_NS == 9.0  # 2 s of readout
    assert [plan.header.exposure_time_s for plan in plans] == [7.0, 7.0]
    ends = [one for moment in telling.readout() for one in moment.events if isinstance(one, EndReadout)]
    assert [(one.image.image_name, one.image.command_id) for one in ends] == [
        (row.image_name, begun.header.command_id)
    ]
    assert dict(zip(ends[0].image.additional_keys, ends[0].image.additional_values, strict=True)) == {
        "imageType": "FLAT",
        "groupId": "g",
        "program": "P",
    }
    ref = DataRef(uri="objects:raw/x_0.fits", sha256="0" * 64, size_bytes=1, media_type="image/fits")
    stored = desk.step(
        lambda s: ending.store_image(s, image, [StoredFile(detector=0, ref=ref)], image.end_tai_ns)
    )
    assert isinstance(stored[-1], ExposureStored)
    assert stored[-1].exposure_time_s == 7.0
    (final,) = desk.step(lambda session: ending.end(session, AckCode.COMPLETE, "taken", desk.clock.now))
    assert final.image_names == (row.image_name,)
    assert names(desk.states)[-2:] == ["ENABLED", "IDLE"]
    assert order(desk, DisableCalibration)[1][0].result == "calibration is disabled"


def test_an_image_whose_time_is_over_is_given_up_and_cleared_away(desk):
    ready(desk)
    _, row, _ = opened(desk)
    desk.clock.now += 61 * S_NS
    late = order(desk, EndImage, "before it is given up")[1][0].result
    assert late.startswith(f"no image is open: {row.image_name} was abandoned")
    later = row.begin_tai_ns + 60 * S_NS
    first, last = desk.step(lambda session: abandon(desk.service, session, row.image_name, later))
    assert names(first.events) == ["CLOSED", "CLEARING"]
    assert names(last.events) == ["QUIESCENT", "ENABLED", "READY"]
    assert (first.at_tai_ns, last.at_tai_ns - first.at_tai_ns) == (later, S_NS // 10)
    assert desk.read(lambda queries: queries.images(row.command_id))[0].state == ExposureState.ABORTED
    assert desk.step(lambda session: abandon(desk.service, session, row.image_name, later)) == []
    late = order(desk, EndImage, "late")[1][0].result
    assert late.startswith(f"no image is open: {row.image_name} was abandoned, for endImage came too late")


def test_another_boot_knows_no_image_that_an_earlier_one_left_open(desk):
    ready(desk)
    opened(desk)
    desk.service.boot_id = "boot-2"
    desk.enable()
    assert order(desk, EndImage)[1][0].result.startswith("no image is open")
    assert order(desk, StartImage, "again", **FLAT)[1][0].result.startswith("calibration is disabled")


def test_an_image_whose_begin_was_stored_and_not_heard_of_is_not_begun_twice(desk):
    ready(desk)
    command, row, _ = opened(desk)
    opening = OpeningImage(desk.service, command, "")
    again, told = desk.step(lambda session: opening.open(session, row.end_tai_ns, desk.clock.now))
    assert (again.image_name, told) == (row.image_name, [])
    assert len(desk.read(lambda queries: queries.open_images())) == 1
    assert len(desk.read(lambda queries: queries.acks(row.command_id))) == 2


@pytest.mark.parametrize("stored", [False, True])
def test_an_end_that_a_restart_cut_off_is_complete_where_the_image_was_stored(desk, stored):
    ready(desk)
    _, row, _ = opened(desk)
    command, _ = order(desk, EndImage)
    ending = EndingImage(desk.service, command, "")
    image, _, _ = desk.step(ending.image)
    if stored:
        desk.step(lambda session: ending.store_image(session, image, [], image.end_tai_ns))
    (end,) = desk.step(lambda session: ending.end_interrupted(session, desk.clock.now))
    lost = f"the camera was restarted and {row.image_name} is lost; begin another one with startImage"
    assert (end.ack, end.result, end.image_names) == (
        (AckCode.COMPLETE, "1 image(s) taken", (row.image_name,)) if stored else (AckCode.ABORTED, lost, ())
    )
