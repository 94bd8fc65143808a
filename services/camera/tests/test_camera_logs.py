"""What the camera's log says is told as events from the level on that was commanded."""

import logging

import pytest

from calibrant.camera.logs import LOG, CameraLog, tellable
from calibrant.contracts.camera.v1 import AckCode, LogLevel, SetLogLevel, SummaryState


@pytest.fixture(autouse=True)
def level_as_before():
    log = logging.getLogger(LOG)
    before = log.level
    yield
    log.setLevel(before)


def choose(desk, cause, **fields):
    order = {"level": 20, "subsystem": ""} | fields
    return desk.handle(desk.remote.command(SetLogLevel, cause, timeout_s=60.0, **order))


def test_a_level_is_chosen_in_any_state_and_while_images_are_taken(desk):
    ack, told = choose(desk, "1", level=10)
    assert (desk.state, ack.ack, ack.result) == (
        *(SummaryState.STANDBY, AckCode.COMPLETE),
        "messages of level 10 and above are told",
    )
    assert told == LogLevel(component="camera", level=10)
    assert desk.service.log.level == 10
    desk.enable()
    desk.take()
    assert choose(desk, "2", level=30)[0].ack is AckCode.COMPLETE
    assert desk.service.log.told().level == 30


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"level": 0}, "level is 0; give 10 (debug), 20 (info), 30 (warning), 40 (error) or 50 (critical)"),
        ({"level": 51}, "level is 51; give 10"),
        ({"subsystem": "shutter"}, "no subsystem 'shutter': there is the camera's log only, leave it empty"),
    ],
)
def test_a_level_that_is_none_is_refused_and_the_old_one_stays(desk, fields, text):
    (ack,) = choose(desk, "1", **fields)
    assert (ack.ack, ack.result[: len(text)]) == (AckCode.FAILED, text)
    assert desk.service.log.level == 20


def test_a_message_is_told_with_its_place_and_the_error_behind_it():
    camera = CameraLog("camera", "boot-1", 30)
    for level in (20, 40):
        try:
            raise ValueError("no voltage")
        except ValueError as error:
            place = (
                LOG,
                level,
                "camera.py",
                7,
                "the shutter %s",
                ("stuck",),
                (ValueError, error, error.__traceback__),
            )
            record = logging.LogRecord(*place, func="close")
        record.created = 1_767_225_600.0  # 2026-01-01T00:00:00 UTC, 37 s before that in TAI
        camera.hear(record)
    (told,) = camera.take()
    assert (told.name, told.level, told.message) == (LOG, 40, "the shutter stuck")
    assert (told.function_name, told.line_number, told.written.seconds) == ("close", 7, 1_767_225_637)
    assert told.traceback is not None
    assert told.traceback.endswith("ValueError: no voltage\n")


def test_a_text_is_told_that_no_event_can_carry_as_it_is():
    told = tellable("begin" + "x" * 5_000_000 + "\udcff end")
    assert len(told) < 21_000
    assert told.startswith("beginx")
    assert "4980015 characters" in told
    assert told.endswith("x\\udcff end")
    assert tellable("\udcff").encode() == b"\\udcff"
