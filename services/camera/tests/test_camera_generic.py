"""A command that names another one: it is that one, with its checks and answers, under the name that was commanded."""

import json

import pytest

from calibrant.camera.commanded import carrying_of
from calibrant.camera.generic import asked_for
from calibrant.camera.saying import NotUnderstood
from calibrant.camera.sequence import TakingImages
from calibrant.contracts.camera.v1 import AckCode, Clear, Generic, StartImage, TakeImages
from calibrant.sal import Composer, command_type
from calibrant.sal.acks import NOT_NOW

IMAGES = {"num_images": 2, "exposure_time_s": 1.5, "shutter": True, "image_type": "FLAT", "sensors": [0, 1]}


def generic(hand_clock, command, arguments):
    composer = Composer("camera", "test", hand_clock)
    return composer.command(Generic, "1", timeout_s=60.0, command=command, arguments=arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps(IMAGES),
        '{"numImages": 2, "expTime": 1.5, "shutter": true, "image_type": "FLAT", "sensors": [0, 1]}',
        "num_images=2 exposure_time_s=1.5 shutter=true image_type='FLAT' sensors=0:1",
    ],
)
def test_arguments_are_json_or_words_by_our_names_or_sals(hand_clock, arguments):
    given = generic(hand_clock, "takeImages", arguments)
    asked = asked_for(given)
    assert isinstance(asked, TakeImages)
    assert asked.header == given.header
    found = {name: getattr(asked, name) for name in IMAGES}
    assert found == IMAGES | {"sensors": (0, 1)}


def test_what_is_left_out_is_what_it_is_over_http(hand_clock):
    clear = asked_for(generic(hand_clock, "clear", ""))
    assert isinstance(clear, Clear)
    assert clear.num_clears == 1
    begun = asked_for(generic(hand_clock, "startImage", "keyValueMap='imageType: DARK'"))
    assert isinstance(begun, StartImage)
    assert (begun.end_within_s, begun.key_value_map) == (60.0, "imageType: DARK")


@pytest.mark.parametrize(
    ("command", "arguments", "text"),
    [
        ("takeImage", "", "no command 'takeImage'; did you mean takeImages?"),
        ("???", "", "no command '???'; there are: takeImages, stop,"),
        ("standby", "", "standby is not carried out by generic: send it as a command of its own"),
        ("generic", "command=clear", "generic is not carried out by generic"),
        ("clear", "num_clear=1", "clear has no field 'num_clear'; did you mean num_clears?"),
        ("clear", "header=x", "clear has no field 'header'; there are: num_clears"),
        ("clear", "command_id=x", "clear has no field 'command_id'"),
        ("clear", "3", "arguments: '3' is no NAME=VALUE"),
        ("clear", "num_clears='1", "arguments: No closing quotation"),
        ("clear", "num_clears=x", "clear.num_clears: Input should be a valid integer"),
        ("clear", '{"num_clears": 101}', "clear.num_clears: Input should be less than or equal to 100"),
        ("clear", '{"num_clears": ', "arguments are no JSON: EOF"),
        ("clear", '{"a":' * 1500, "arguments are no JSON: recursion limit"),
        ("clear", " " * 8001, "arguments have 8001 characters; give 8000 at most"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(hand_clock, command, arguments, text):
    with pytest.raises(NotUnderstood) as refusal:
        asked_for(generic(hand_clock, command, arguments))
    assert str(refusal.value).startswith(text)


def order(desk, cause, command, arguments="", **header):
    sent = desk.remote.command(Generic, cause, timeout_s=60.0, command=command, arguments=arguments)
    sent = sent.model_copy(update={"header": sent.header.model_copy(update=header)})
    (ack,) = desk.handle(sent)
    assert (ack.command, ack.command_type) == ("generic", command_type("generic"))
    return sent, ack


def test_it_goes_the_way_of_the_command_that_it_names_and_is_answered_as_itself(desk):
    barred = order(desk, "viewer", "clear", roles=("viewer",))[1]
    assert barred.ack is AckCode.NO_PERMISSION
    assert "generic not allowed in state STANDBY" in order(desk, "early", "clear")[1].result
    desk.enable()
    words = "num_images=2 key_value_map='imageType: DARK, groupId: g' exposure_time_s=1"
    sent, ack = order(desk, "take", "takeImages", words)
    assert (ack.ack, ack.result) == (AckCode.IN_PROGRESS, "begins now")
    busy = order(desk, "busy", "clear")[1]
    assert (busy.ack, busy.error) == (AckCode.FAILED, NOT_NOW)
    row = desk.read(lambda queries: queries.row(sent.header.command_id))
    taking = carrying_of(desk.service, row)
    assert isinstance(taking, TakingImages)
    assert (taking.command.image_type, taking.command.num_images) == ("DARK", 2)
    assert desk.step(lambda session: taking.begin(session, desk.clock.now)) == []
    assert order(desk, "stop", "stop")[1].result.startswith("takeImages (")
    assert desk.step(taking.stopped)
    (end,) = desk.step(lambda session: taking.end(session, AckCode.ABORTED, "stopped", 1))
    assert (end.command, end.command_type) == ("generic", command_type("generic"))
    assert order(desk, "filter", "setFilter", "name=x")[1].result.startswith("filter 'x' is not in")
