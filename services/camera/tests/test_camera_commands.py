"""Acceptance and the steps of takeImages, each in a transaction of a real database; no bus, no child process."""

import dataclasses

import pytest
from taken_images import taking

from calibrant.camera.night import NightFull
from calibrant.camera.sequence import TakingImages
from calibrant.camera.store import CommandState, ExposureState, StatusRow
from calibrant.camera.ticking import SimulatedClock
from calibrant.contracts.camera.v1 import (
    AckCode,
    CommandAck,
    ErrorCode,
    StoredFile,
    SummaryState,
    SummaryStateChanged,
)
from calibrant.contracts.common.v1 import DataRef
from calibrant.frames.times import format_time
from calibrant.sal import COMMANDS, NOT_NOW, TRANSITIONS, Composer, SequenceNumbers


def stored(detector):
    ref = DataRef(
        uri=f"objects:raw/20260101/{detector}.fits", sha256="0" * 64, size_bytes=1, media_type="image/fits"
    )
    return StoredFile(detector=detector, ref=ref)


def test_an_image_that_is_begun_again_after_a_lost_answer_keeps_its_number(desk):
    desk.enable()
    command, _ = desk.take(num_images=2)
    taking = TakingImages(desk.service, command, "run-1")
    first, events = desk.step(lambda session: taking.begin_image(session, 1))
    again, nothing = desk.step(lambda session: taking.begin_image(session, 1))
    second, _ = desk.step(lambda session: taking.begin_image(session, 2))
    assert (len(events), nothing) == (1, [])
    assert (again.exposure_id, second.image_number) == (first.exposure_id, first.image_number + 1)


def test_an_image_is_told_of_the_light_before_it_as_long_as_that_is_felt(desk):
    desk.service.memory_s = 10.0
    desk.enable()
    command, _ = desk.take(num_images=4, image_type="FLAT", exposure_time_s=3.0, shutter=True)
    taking = TakingImages(desk.service, command, "run-1")
    told = []
    for index in range(1, 5):
        image, _ = desk.step(lambda session, index=index: taking.begin_image(session, index))
        plans = desk.step(lambda session, image=image: taking.plans(session, image))
        assert {plan.header.detector: plan.earlier for plan in plans}.keys() == {0, 1}
        told.append([(e.exposure.exposure_id - 2026010100000, e.gap_s) for e in plans[1].earlier])
        if index != 2:  # the second one was never stored: nobody knows what it did
            files = [stored(0), stored(1)]
            desk.step(
                lambda session, image=image, files=files: taking.store_image(session, image, files, 1, 1)
            )
    # Each image takes 3 s and 2 s of readout; ends of readout within 10 s count.
    assert told == [[], [(1, 2.0)], [(1, 7.0)], [(3, 2.0)]]
    desk.service.memory_s = 0.0
    assert desk.step(lambda session: taking.plans(session, image))[0].earlier == ()


def test_the_camera_begins_in_standby_and_follows_the_state_commands(desk):
    assert desk.state is SummaryState.STANDBY
    ack, changed = desk.handle(desk.tools.state_command(desk.remote, "start"))
    assert (ack.ack, changed.summary_state, changed.reason) == (
        AckCode.COMPLETE,
        SummaryState.DISABLED,
        "command start",
    )
    desk.handle(desk.tools.state_command(desk.remote, "enable"))
    assert desk.state is SummaryState.ENABLED


@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_state_command_has_a_handler_that_answers(desk, name):
    first = desk.handle(desk.tools.state_command(desk.remote, name))[0]
    allowed = name in ("start", "exitControl")
    assert first.ack is (AckCode.COMPLETE if allowed else AckCode.FAILED)
    assert allowed or f"{name} not allowed in state STANDBY" in first.result


def test_images_are_refused_in_standby_and_the_refusal_is_kept(desk):
    command, (ack,) = desk.take()
    assert (ack.ack, ack.error) == (AckCode.FAILED, NOT_NOW)
    assert "takeImages not allowed in state STANDBY" in ack.result
    kept = desk.read(lambda queries: queries.command(command.header.command_id))
    assert (kept["state"], kept["acks"][0]["code"]) == ("done", -302)


def test_images_are_answered_with_the_time_they_may_take(desk):
    desk.enable()
    _, (ack,) = desk.take("1", num_images=2)
    assert (ack.ack, ack.result, ack.timeout_s) == (AckCode.IN_PROGRESS, "begins now", 240.0)


def test_real_time_asks_for_more_patience(desk):
    desk.enable()
    desk.service = dataclasses.replace(desk.service, clock=SimulatedClock(desk.clock, 2.0))
    _, (ack,) = desk.take(image_type="DARK", exposure_time_s=30.0)
    assert ack.timeout_s == 120.0 + (30.0 + 2.0) / 2


def test_the_same_command_twice_is_one_command(desk):
    desk.enable()
    command, (first,) = desk.take()
    assert desk.handle(command) == [first]
    assert len(desk.read(lambda queries: queries.unfinished())) == 1
    desk.clock.now += 10**15  # long after its deadline the answer is still the same
    assert desk.handle(command) == [first]


def test_an_old_sequence_number_is_refused_and_the_same_command_under_it_is_not(desk):
    numbers = SequenceNumbers(tuple(COMMANDS), draw=lambda _: 0)
    desk.remote = Composer("camera", "olga", desk.clock, origin=1, numbers=numbers)
    first = desk.tools.state_command(desk.remote, "start", "1")
    (done, _) = desk.handle(first)
    other = desk.tools.state_command(desk.remote, "start", "2")
    first_number = first.header.sequence_number
    old = other.model_copy(
        update={"header": other.header.model_copy(update={"sequence_number": first_number})}
    )
    (refused,) = desk.handle(old)
    assert (done.ack, refused.ack) == (AckCode.COMPLETE, AckCode.FAILED)
    assert f"was command {first.header.command_id}: give every" in refused.result
    assert desk.handle(first) == [done]
    process = other.header.model_copy(
        update={"command_id": "3", "sequence_number": first_number, "origin": 2}
    )
    (elsewhere,) = desk.handle(other.model_copy(update={"header": process}))
    assert "start not allowed in state DISABLED" in elsewhere.result


def test_another_components_command_is_nobodys_business(desk):
    other = Composer("shutter", "test", desk.clock)
    assert desk.handle(desk.tools.state_command(other, "start")) == []
    assert desk.read(lambda queries: queries.commands()) == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"num_images": 0}, "num_images is 0; give 1 to 10000"),
        ({"image_type": "DARK", "exposure_time_s": -1.0}, "exposure_time_s is -1.0; give 0 to 86400 s"),
        ({"exposure_time_s": 5.0}, "a BIAS has exposure_time_s 0, not 5.0"),
        ({"image_type": "PICTURE"}, "image_type is 'PICTURE'; give one of BIAS, DARK, FLAT"),
        ({"sensors": [0, 7]}, "sensors [7] are not in simcam-tiny, which has detectors [0, 1]"),
    ],
)
def test_senseless_images_are_refused_with_what_to_ask_for(desk, fields, text):
    desk.enable()
    _, (ack,) = desk.take(**fields)
    assert ack.ack is AckCode.FAILED
    assert text in ack.result


def test_images_are_numbered_and_the_simulated_clock_runs_on(desk):
    steps = taking(desk, num_images=2, image_type="DARK", exposure_time_s=1.5, filter="r", sensors=[1])
    first, (started,) = desk.step(lambda session: steps.begin_image(session, 1))
    second, _ = desk.step(lambda session: steps.begin_image(session, 2))
    assert (first.image_name, first.exposure_id) == ("SC_O_20260101_000001", 2026010100001)
    assert (second.image_name, second.exposure_id) == ("SC_O_20260101_000002", 2026010100002)
    assert format_time(first.begin_tai_ns) == "2026-01-01T22:00:00.000"
    assert second.begin_tai_ns - first.begin_tai_ns == 3_500_000_000
    assert started.image.image_index == 1
    assert (first.detectors(), first.filter) == ([1], "r")


def test_a_filter_stays_until_another_is_asked_for(desk):
    taking(desk, filter="r")
    later = TakingImages(desk.service, desk.tools.take_images(desk.remote, "2"), "")
    desk.take("2")
    steps = TakingImages(desk.service, desk.tools.take_images(desk.remote, "1", filter="r"), "")
    desk.step(lambda session: steps.begin_image(session, 1))
    image, _ = desk.step(lambda session: later.begin_image(session, 1))
    assert image.filter == "r"


def test_a_full_night_takes_no_more(desk):
    steps = taking(desk)
    image, _ = desk.step(lambda session: steps.begin_image(session, 1))
    desk.step(
        lambda session: setattr(session.get_one(type(image), image.exposure_id), "image_number", 99_999)
    )
    with pytest.raises(NightFull):
        desk.step(lambda session: steps.begin_image(session, 2))


def test_storing_an_image_tells_its_files_and_how_much_is_left(desk):
    steps = taking(desk, num_images=2)
    image, _ = desk.step(lambda session: steps.begin_image(session, 1))
    files = [stored(0), stored(1)]
    image_stored, written, told, ack = desk.step(
        lambda s: steps.store_image(s, image, files, desk.clock.now, 1)
    )
    assert (image_stored.image_stored.ns, written.files_written.ns) == (1, 1)
    assert (written.root_file_name, written.relative_file_names) == ("raw/20260101", ("0.fits", "1.fits"))
    assert (list(told.files), told.instrument, told.image.group_id) == (files, "simcam-tiny", "group-1")
    assert (ack.ack, ack.result, ack.timeout_s) == (AckCode.IN_PROGRESS, "1 of 2 images taken", 120.0)


def restarted(desk):
    desk.service = dataclasses.replace(desk.service, boot_id="boot-2")


def test_after_a_restart_the_camera_is_in_standby_and_keeps_its_clock(desk):
    steps = taking(desk)
    desk.step(lambda session: steps.begin_image(session, 1))
    restarted(desk)
    assert desk.state is SummaryState.STANDBY
    clock = desk.step(lambda session: desk.service.status(session).clock_tai_ns)
    assert format_time(clock) == "2026-01-01T22:00:02.000"


@pytest.mark.parametrize(
    ("images_stored", "ack"), [(2, AckCode.COMPLETE), (1, AckCode.ABORTED), (0, AckCode.ABORTED)]
)
def test_an_interrupted_command_is_complete_only_if_all_its_images_are_stored(desk, images_stored, ack):
    steps = taking(desk, num_images=2)
    for index in (1, 2):
        image, _ = desk.step(lambda session, i=index: steps.begin_image(session, i))
        if index <= images_stored:
            desk.step(lambda s, row=image: steps.store_image(s, row, [stored(0)], desk.clock.now, 1))
    restarted(desk)
    after = dataclasses.replace(steps, service=desk.service)
    (final,) = desk.step(lambda session: after.end_interrupted(session, desk.clock.now))
    assert (final.ack, len(final.image_names)) == (ack, images_stored)
    states = [e["state"] for e in desk.read(lambda queries: queries.exposures())]
    expected = [ExposureState.STORED] * images_stored + [ExposureState.ABORTED] * (2 - images_stored)
    assert sorted(states) == sorted(expected)
    assert desk.read(lambda queries: queries.unfinished()) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image_type": "FLAT", "exposure_time_s": 1.0, "shutter": True}, "begins now"),
        ({"image_type": "DARK", "exposure_time_s": 1.0}, "begins now"),
        ({"image_type": "DARK"}, "begins now; a DARK of 0 s has no dark current: it is a BIAS"),
        (
            {"image_type": "FLAT", "exposure_time_s": 1.0},
            "begins now; the shutter stays closed, so no light falls on this FLAT: give shutter true for one",
        ),
    ],
)
def test_what_its_sender_may_not_have_meant_is_said_of_a_command(desk, fields, said):
    desk.enable()
    assert desk.take(**fields)[1][0].result == said


def test_a_fault_ends_the_command_and_stops_the_camera(desk):
    steps = taking(desk)
    desk.step(lambda session: steps.begin_image(session, 1))
    events = desk.step(lambda session: steps.fault(session, "the shutter is stuck", desk.clock.now, "where"))
    assert [type(event) for event in events] == [CommandAck, ErrorCode, SummaryStateChanged]
    assert events[0].ack is AckCode.FAILED
    assert desk.state is SummaryState.FAULT
    ack, changed = desk.handle(desk.tools.state_command(desk.remote, "standby"))
    assert (ack.ack, changed.summary_state) == (AckCode.COMPLETE, SummaryState.STANDBY)


def test_a_new_night_begins_only_after_an_exposure(desk):
    assert desk.service.begin_night() == "20260101"
    assert desk.service.begin_night() == "20260101"
    steps = taking(desk)
    image, _ = desk.step(lambda session: steps.begin_image(session, 1))
    assert desk.service.begin_night() == "20260101"  # a command is still under way
    desk.step(lambda s: steps.store_image(s, image, [stored(0)], desk.clock.now, 1))
    desk.step(lambda s: steps.end(s, AckCode.COMPLETE, "done", desk.clock.now))
    assert desk.service.begin_night() == "20260102"
    assert desk.service.begin_night() == "20260102"
    clock = desk.step(lambda session: session.get_one(StatusRow, "camera").clock_tai_ns)
    assert format_time(clock) == "2026-01-02T22:00:00.000"


def test_a_command_is_told_to_the_executor_when_it_is_committed_not_before(desk):
    desk.enable()
    woken = []
    desk.service.wake = lambda: woken.append(desk.read(lambda queries: len(queries.unfinished())))
    desk.take()
    assert woken == [1]


def test_what_is_done_is_kept_with_every_answer(desk):
    steps = taking(desk)
    desk.step(lambda session: steps.begin(session, desk.clock.now))
    image, _ = desk.step(lambda session: steps.begin_image(session, 1))
    desk.step(lambda s: steps.store_image(s, image, [stored(0)], desk.clock.now, 1))
    desk.step(lambda s: steps.end(s, AckCode.COMPLETE, "1 image(s) taken", desk.clock.now))
    kept = desk.read(lambda queries: queries.command(steps.command_id))
    assert [ack["code"] for ack in kept["acks"]] == [301, 303]
    assert kept["acks"][-1]["image_names"] == [image.image_name]
    assert kept["state"] == CommandState.DONE
