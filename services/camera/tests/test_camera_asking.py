"""What takeImages may ask for: the reference's image types, what the observer says, filters; and one command at a time."""

import pytest

from calibrant.camera.saying import LONGEST, NotUnderstood, said_in
from calibrant.camera.sequence import TakingImages
from calibrant.camera.simulator import IMAGE_TYPES
from calibrant.contracts.camera.v1 import AckCode, TakeImages
from calibrant.sal import NOT_NOW

REFERENCE_TYPES = (
    *("BIAS", "DARK", "FLAT", "OBJECT", "ENGTEST", "ACQ", "CWFS"),
    *("FOCUS", "STUTTERED", "INDOME", "CBP", "SFLAT", "DFLAT"),
)
SENT = (
    "imageType: FLAT, groupId: 2023-01-01T00:00:00.000, testType: FLAT, stutterRows: 0, stutterNShifts: 0, "
    "stutterDelay: 0.0, reason: SITCOM-1, program: BLOCK-1"
)
"""A keyValueMap as Rubin's control software sends it."""


@pytest.mark.parametrize("image_type", REFERENCE_TYPES)
def test_every_image_type_of_the_reference_is_taken_and_its_frames_are_classified(desk, image_type):
    assert image_type in IMAGE_TYPES
    desk.enable()
    _, (ack,) = desk.take(image_type=image_type)
    assert ack.ack is AckCode.IN_PROGRESS


def test_what_the_observer_says_fills_in_type_and_group_and_is_told_with_the_image(desk):
    desk.enable()
    command, (ack,) = desk.take(image_type="", group_id="", key_value_map=SENT, exposure_time_s=1.0)
    assert ack.ack is AckCode.IN_PROGRESS
    kept = desk.read(lambda queries: queries.row(command.header.command_id)).command()
    assert isinstance(kept, TakeImages)
    steps = TakingImages(desk.service, kept, "")
    row, (began,) = desk.step(lambda session: steps.begin_image(session, 1))
    assert (row.image_type, row.group_id) == ("FLAT", "2023-01-01T00:00:00.000")
    told = dict(zip(began.image.additional_keys, began.image.additional_values, strict=True))
    assert told == said_in(SENT)
    assert (len(told), told["program"], told["stutterDelay"]) == (8, "BLOCK-1", "0.0")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (" , ", {}),
        ("a:b", {"a": "b"}),
        ("note: one\\, two, empty:", {"note": "one, two", "empty": ""}),
    ],
)
def test_pairs_are_read_with_their_commas_escaped(text, found):
    assert said_in(text) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("imageType", "'imageType' is no KEY: VALUE"),
        (": BIAS", "': BIAS' is no KEY: VALUE"),
        ("a: 1, a: 2", "a comes twice"),
        ("a: \x00", "control character"),
        ("a: " + "x" * LONGEST, f"give {LONGEST} at most"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused_with_its_place(text, problem):
    with pytest.raises(NotUnderstood, match=problem):
        said_in(text)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"filter": "r_57"}, "filter 'r_57' is not in simcam-tiny, which has u, g, r, i, z, y"),
        ({"shutter": True}, "the shutter stays closed for a BIAS"),
        ({"key_value_map": "imageType: DARK"}, "imageType is DARK, but image_type is BIAS; say it once"),
        ({"key_value_map": "nonsense"}, "'nonsense' is no KEY: VALUE"),
        ({"image_type": ""}, "image_type is ''; give one of BIAS, DARK"),
    ],
)
def test_what_cannot_be_is_refused_by_name(desk, fields, text):
    desk.enable()
    _, (ack,) = desk.take(**fields)
    assert ack.ack is AckCode.FAILED
    assert text in ack.result
    assert desk.read(lambda queries: queries.unfinished()) == []


def test_a_second_command_while_the_camera_is_busy_fails_and_the_first_goes_on(desk):
    desk.enable()
    first, _ = desk.take("1")
    _, (refused,) = desk.take("2")
    assert (refused.ack, refused.error) == (AckCode.FAILED, NOT_NOW)
    assert refused.result == f"busy with takeImages ({first.header.command_id}): wait for its last answer"
    steps = TakingImages(desk.service, first, "")
    desk.step(lambda session: steps.end(session, AckCode.COMPLETE, "done", desk.clock.now))
    _, (third,) = desk.take("3")
    assert (third.ack, third.result) == (AckCode.IN_PROGRESS, "begins now")


def test_what_an_earlier_boot_was_busy_with_keeps_nobody_waiting(desk):
    desk.enable()
    desk.take("1")
    desk.service.boot_id = "boot-2"
    desk.enable()
    _, (ack,) = desk.take("2")
    assert ack.ack is AckCode.IN_PROGRESS
