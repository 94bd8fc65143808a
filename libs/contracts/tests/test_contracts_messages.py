"""The contract as clients meet it: golden bytes, strictness, schemas, the data flow."""

import json
import math
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibrant.contracts.camera.v1 import AckCode, CommandAck, CommandHeader, TakeImages
from calibrant.contracts.common.v1 import DataRef, JobDone, JobFailed, TaiTime, TimeRange
from calibrant.contracts.flow import topic_for, topics, topics_consumed
from calibrant.contracts.generated.registry import MESSAGES

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path(__file__).parents[1] / "src/calibrant/contracts/schemas"


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_golden_bytes_are_read_and_written_alike(name):
    data = (GOLDEN / f"{name}.json").read_bytes()
    message = MESSAGES[name].from_json(data)
    assert message.to_json() == data
    assert message.message_type == name


def test_every_golden_file_belongs_to_a_message():
    assert {p.stem for p in GOLDEN.glob("*.json")} == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_golden_bytes_satisfy_the_json_schema(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads((GOLDEN / f"{name}.json").read_text()), schema)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_field_is_documented(name):
    for field in MESSAGES[name].model_fields.values():
        if name != "calibrant.common.v1.TaiTime":
            assert field.description


def test_quantities_carry_their_unit_into_the_schema():
    schema = json.loads((SCHEMAS / "calibrant.camera.v1.TakeImages.json").read_text())
    assert schema["properties"]["exposure_time_s"]["unit"] == "s"


def header():
    return CommandHeader(command_id="c", component="camera", identity="me", deadline=TaiTime.from_ns(1))


def take(**changes):
    values = {
        "header": header(),
        "num_images": 1,
        "exposure_time_s": 2.0,
        "shutter": False,
        "image_type": "BIAS",
        "group_id": "g",
        "filter": "",
        "observation_note": "",
    }
    return TakeImages(**{**values, **changes})


def test_unknown_fields_are_ignored_so_that_a_newer_producer_breaks_no_reader():
    data = json.loads(take().to_json()) | {"added_later": 1}
    assert TakeImages.from_json(json.dumps(data).encode()) == take()


def test_a_missing_field_is_refused_by_name():
    data = json.loads(take().to_json())
    del data["exposure_time_s"]
    with pytest.raises(ValidationError, match="exposure_time_s"):
        TakeImages.from_json(json.dumps(data).encode())


@pytest.mark.parametrize("value", ['"2.0"', "NaN", "Infinity", "null", "true"])
def test_a_number_is_a_number(value):
    data = take().to_json().replace(b'"exposure_time_s":2.0', f'"exposure_time_s":{value}'.encode())
    with pytest.raises(ValidationError):
        TakeImages.from_json(data)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_message_is_made_with_a_number_that_is_none(value):
    with pytest.raises(ValidationError):
        take(exposure_time_s=value)


def test_messages_are_frozen():
    with pytest.raises(ValidationError):
        take().num_images = 2


def test_absent_optional_fields_are_left_out():
    assert TimeRange(end=TaiTime.from_ns(5)).to_json() == b'{"end":{"seconds":0,"nanoseconds":5}}'


def test_enumerations_travel_by_name_and_know_their_sal_number():
    ack = CommandAck(
        command_id="c",
        component="camera",
        command="x",
        ack=AckCode.NO_ACK,
        error=0,
        result="",
        timeout_s=0,
        identity="sequencer",
        command_type=0,
    )
    assert b'"ACK_CODE_NO_ACK"' in ack.to_json()
    assert AckCode.NO_ACK.number == -301


def test_integers_beyond_what_json_readers_keep_are_refused():
    DataRef(uri="objects:a", sha256="", size_bytes=2**53 - 1, media_type="")
    with pytest.raises(ValidationError, match="size_bytes"):
        DataRef(uri="objects:a", sha256="", size_bytes=2**53, media_type="")


@given(st.integers(-(10**18), 4 * 10**18))
def test_instants_survive_the_wire_to_the_nanosecond(ns):
    assert TaiTime.from_json(TaiTime.from_ns(ns).to_json()).ns == ns


@given(st.binary() | st.text().map(str.encode))
def test_garbage_is_refused_and_nothing_else_happens(data):
    with pytest.raises(ValidationError):
        TakeImages.from_json(data)


def test_every_message_but_parts_of_others_has_a_topic():
    sent = {message for topic in topics().values() for message in topic.messages}
    parts = {
        "calibrant.common.v1." + n for n in ("TaiTime", "TimeRange", "DataRef", "JobInput", "Product")
    } | {
        "calibrant.camera.v1.CommandHeader",
        "calibrant.camera.v1.Image",
        "calibrant.camera.v1.StoredFile",
        "calibrant.ingest.v1.Frame",
        "calibrant.ingest.v1.TakenImage",
        "calibrant.sequencer.v1.ExposureRequest",
        "calibrant.sequencer.v1.SetReport",
        "calibrant.sequencer.v1.TakenReport",
        "calibrant.sequencer.v1.WithheldReport",
        "calibrant.verify.v1.DetectorDecision",
        "calibrant.verify.v1.Gate",
        "calibrant.verify.v1.GateCounts",
        "calibrant.verify.v1.GateTypeCount",
        "calibrant.verify.v1.InForce",
    }
    assert sent | parts == set(MESSAGES)
    assert not sent & parts


def test_every_topic_knows_the_key_of_its_messages():
    for topic in topics().values():
        for name in topic.messages:
            message = MESSAGES[name].from_json((GOLDEN / f"{name}.json").read_bytes())
            assert topic.key_of(message)


def test_the_topic_follows_from_who_says_what():
    assert topic_for("sequencer", TakeImages.message_type).name == "camera-commands"
    assert topic_for("combine", JobDone.message_type).name == "combine-results"
    assert topic_for("verify", JobFailed.message_type).name == "verify-results"
    with pytest.raises(LookupError, match="archive"):
        topic_for("archive", TakeImages.message_type)


def test_the_sequencer_hears_of_everything_it_decides_on():
    names = {topic.name for topic in topics_consumed("sequencer")}
    assert {"runs", "camera-acks", "frames", "combine-results", "verify-results", "certifications"} <= names
