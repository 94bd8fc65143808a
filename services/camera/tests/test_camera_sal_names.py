"""Commands of SAL become ours, and our events and answers SAL's, by their names; what is none is refused in words."""

from __future__ import annotations

import pytest

from calibrant.camera.wire.commands import Untranslatable, command_of
from calibrant.camera.wire.events import acknowledgement_of, event_of
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandHeader,
    EndOfImageTelemetry,
    EndReadout,
    ExposureStored,
    Heartbeat,
    Image,
    ImageReadoutParameters,
    IntegrationMode,
    LogMessage,
    Start,
    StartIntegration,
    SummaryState,
    SummaryStateChanged,
    TakeImages,
)
from calibrant.contracts.common.v1 import TaiTime
from calibrant.sal import answer
from calibrant.sal.testing import INTERFACES
from calibrant.sal.wire import read_component

CAMERA = read_component(INTERFACES, "BenchCamera")
HEADER = CommandHeader(
    command_id="c1",
    component="camera",
    identity="me@here",
    deadline=TaiTime.from_ns(10),
    roles=("operator",),
    sequence_number=7,
    origin=99,
)
TAKE = {
    "numImages": 2,
    "expTime": 1.5,
    "shutter": True,
    "sensors": "0:1",
    "keyValueMap": "imageType: FLAT, groupId: 2026-01-01T00:00:00.000, testType: FLAT, stutterRows: 0",
    "obsNote": "a note",
}


def test_take_images_comes_with_its_fields_and_the_pairs_as_they_are():
    command = command_of("takeImages", TAKE, HEADER)
    assert isinstance(command, TakeImages)
    assert (command.num_images, command.exposure_time_s, command.shutter) == (2, 1.5, True)
    assert list(command.sensors) == [0, 1]
    assert command.key_value_map == TAKE["keyValueMap"]
    assert (command.filter, command.observation_note) == ("", "a note")
    assert command.header == HEADER


def test_no_sensors_are_all_and_start_has_its_configuration():
    command = command_of("takeImages", TAKE | {"sensors": "", "keyValueMap": ""}, HEADER)
    assert isinstance(command, TakeImages)
    assert (list(command.sensors), command.image_type) == ([], "")
    assert command_of("start", {"configurationOverride": "x.yaml"}, HEADER) == Start(
        header=HEADER, configuration_override="x.yaml"
    )


@pytest.mark.parametrize(
    ("name", "sample", "ours"),
    [
        ("clear", {"nClears": 3}, {"num_clears": 3}),
        ("discardRows", {"nRows": 4}, {"num_rows": 4}),
        ("initImage", {"deltaT": 2.5}, {"delta_t_s": 2.5}),
        ("wakeFilterChanger", {"duration": 60.0}, {"duration_s": 60.0}),
        (
            "generic",
            {"command": "clear", "arguments": "nClears=2"},
            {"command": "clear", "arguments": "nClears=2"},
        ),
        ("alert", {"alertId": "room", "action": "clear"}, {"alert_id": "room", "action": "clear"}),
        ("initGuiders", {"roiSpec": '{"common": {}}'}, {"roi_spec": '{"common": {}}'}),
        ("setFilter", {"name": "r"}, {"name": "r"}),
        ("stop", {}, {}),
        ("endImage", {}, {}),
        ("setLogLevel", {"level": 10, "subsystem": ""}, {"level": 10, "subsystem": ""}),
        ("play", {"playlist": "p", "repeat": True}, {"playlist": "p", "repeat": True}),
        (
            "playlist",
            {"playlist": "p", "folder": "/emu", "images": "AT_O_20260101_000001: b"},
            {"playlist": "p", "folder": "/emu", "images": ("AT_O_20260101_000001", "b")},
        ),
        ("enableCalibration", {}, {}),
        ("disableCalibration", {}, {}),
        (
            "startImage",
            {
                "shutter": True,
                "sensors": "1",
                "keyValueMap": "imageType: DARK",
                "obsNote": "n",
                "timeout": 9.0,
            },
            {
                "shutter": True,
                "sensors": (1,),
                "key_value_map": "imageType: DARK",
                "observation_note": "n",
                "end_within_s": 9.0,
            },
        ),
    ],
)
def test_the_other_commands_come_with_their_fields(name, sample, ours):
    command = command_of(name, sample, HEADER)
    assert command.model_dump(exclude={"header"}) == ours


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("purr", {}, "this camera knows no such command; it knows start"),
        ("takeImages", {"sensors": "0:R22_S11"}, "sensors: 'R22_S11' is no number of a detector"),
        (
            "takeImages",
            {"expTime": float("nan")},
            "takeImages: exposure_time_s: Input should be a finite number",
        ),
    ],
)
def test_what_is_no_command_is_refused_in_words(name, changed, said):
    with pytest.raises(Untranslatable) as refused:
        command_of(name, TAKE | changed, HEADER)
    assert said in str(refused.value)


IMAGE = Image(
    image_name="SC_O_20260101_000012",
    exposure_id=2026010100012,
    image_type="BIAS",
    image_index=1,
    images_in_sequence=3,
    day_obs="20260101",
    image_number=12,
    group_id="g",
    command_id="c1",
    image_source="SC",
    image_controller="O",
    acquisition_start=TaiTime.from_ns(250_000_000),
    additional_keys=("imageType", "groupId"),
    additional_values=("BIAS", "12:00\\x"),
)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            SummaryStateChanged(component="camera", summary_state=SummaryState.FAULT, reason="why"),
            ("logevent_summaryState", {"summaryState": 3}),
        ),
        (
            Heartbeat(component="camera", summary_state=SummaryState.ENABLED),
            ("logevent_heartbeat", {"heartbeat": True}),
        ),
    ],
)
def test_an_event_is_told_with_the_fields_that_sal_has(message, told):
    assert event_of(message, CAMERA) == told


def test_an_image_is_told_with_times_in_seconds_and_the_day_as_its_date():
    said = EndReadout(
        component="camera",
        image=IMAGE,
        requested_exposure_time_s=1.5,
        end_of_readout=TaiTime.from_ns(1_500_000_000),
    )
    told = event_of(said, CAMERA)
    assert told is not None
    name, fields = told
    assert name == "logevent_endReadout"
    assert fields | {"timestampEndOfReadout": 1.5, "requestedExposureTime": 1.5} == fields
    assert (fields["imageDate"], fields["imageNumber"], fields["imageIndex"]) == ("20260101", 12, 1)
    assert fields["imagesInSequence"] == 3
    assert "component" not in fields


def test_lists_are_texts_whose_words_are_escaped_and_a_mode_has_sals_word():
    begun = StartIntegration(
        component="camera", image=IMAGE, exposure_time_s=1.5, mode=IntegrationMode.TIMED, timeout_s=3.0
    )
    told = event_of(begun, CAMERA)
    assert told is not None
    fields = told[1]
    assert (fields["additionalKeys"], fields["additionalValues"]) == (
        "imageType:groupId",
        "BIAS:12\\:00\\\\x",
    )
    assert (fields["mode"], fields["timeout"], fields["exposureTime"]) == ("normal", 3.0, 1.5)
    assert (fields["imageSource"], fields["timestampAcquisitionStart"]) == ("SC", 0.25)


def test_a_field_that_is_something_else_in_sal_keeps_its_default_and_the_event_is_told():
    """The bench camera's darkTime is a text, ours a number."""
    measured = EndOfImageTelemetry(
        component="camera",
        image=IMAGE,
        exposure_time_s=1.5,
        image_tag="raw/1",
        date_obs=TaiTime.from_ns(500_000_000),
        date_end=TaiTime.from_ns(2_000_000_000),
        measured_shutter_open_time_s=1,
        dark_time_s=2.0,
        emulated_image="SC_O_20250101_000001",
    )
    assert event_of(measured, CAMERA) == (
        "logevent_endOfImageTelemetry",
        {
            "imageName": "SC_O_20260101_000012",
            "timestampDateObs": 0.5,
            "measuredShutterOpenTime": 1.0,
            "emulatedImage": "SC_O_20250101_000001",
        },
    )


@pytest.mark.parametrize(("detectors", "rows"), [(1, [64, 0]), (2, [64, 64]), (3, [64, 64])])
def test_numbers_of_each_detector_fill_sals_array_and_one_number_is_the_first(detectors, rows):
    many = ("x",) * detectors
    told = ImageReadoutParameters(
        component="camera",
        image_name="SC_O_20260101_000012",
        ccd_location=many,
        raft_bay=many,
        ccd_slot=many,
        read_rows=(64,) * detectors,
        read_cols=(32,) * detectors,
        pre_cols=(2,) * detectors,
        over_cols=(16,) * detectors,
        over_rows=(8,) * detectors,
        daq_folder="raw/20260101",
        daq_annotation="",
    )
    assert event_of(told, CAMERA) == (
        "logevent_imageReadoutParameters",
        {"ccdLocation": ":".join(many), "readRows": rows, "overRows": 8},
    )


def test_a_log_message_has_sals_time():
    told = LogMessage(
        component="camera",
        name="calibrant.camera",
        level=30,
        message="words",
        function_name="f",
        line_number=1,
        process=2,
        written=TaiTime.from_ns(1_500_000_000),
    )
    name, fields = event_of(told, CAMERA)
    assert (name, fields["timestamp"], fields["level"]) == ("logevent_logMessage", 1.5, 30)


def test_an_event_that_sal_lacks_is_not_told():
    stored = ExposureStored(
        component="camera",
        instrument="simcam",
        image=IMAGE,
        begin=TaiTime.from_ns(0),
        exposure_time_s=0,
        dark_time_s=0,
        filter="",
        files=[],
    )
    assert event_of(stored, CAMERA) is None


@pytest.mark.parametrize(
    ("given", "code", "error"),
    [
        (AckCode.STALLED, 301, 0),
        (AckCode.IN_PROGRESS, 301, 0),
        (AckCode.COMPLETE, 303, 0),
        (AckCode.FAILED, -302, 1),
        (AckCode.NO_PERMISSION, -300, 1),
    ],
)
def test_an_answer_echoes_its_command_and_stalled_goes_on(given, code, error):
    ack = answer(command_of("takeImages", TAKE, HEADER), given, "words", timeout_s=5.0)
    assert acknowledgement_of(ack, CAMERA) == {
        "ack": code,
        "error": error,
        "result": "words",
        "identity": "me@here",
        "origin": 99,
        "cmdtype": sorted(CAMERA.topics).index("command_takeImages"),
        "timeout": 5.0,
    }


def test_an_answer_to_nobody_on_sal_is_not_told():
    unnumbered = HEADER.model_copy(update={"sequence_number": None})
    ack = answer(command_of("takeImages", TAKE, unnumbered), AckCode.COMPLETE, "words")
    assert acknowledgement_of(ack, CAMERA) is None
