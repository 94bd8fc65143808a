"""The commands beside takeImages, and the detailed states: which are told, in which order, at which time."""

import itertools
import time

import pytest

from calibrant.camera.durations import MOST_CLEARS
from calibrant.camera.preparing import Preparing
from calibrant.camera.sequence import TakingImages
from calibrant.camera.store import CommandState
from calibrant.contracts.camera.v1 import (
    AckCode,
    CalibrationSubstate,
    Clear,
    CommandSubstate,
    ConfigurationApplied,
    DiscardRows,
    EnableCalibration,
    EndImage,
    ExposureStored,
    InitImage,
    LogMessage,
    RaftsSubstate,
    ReadinessSubstate,
    SetFilter,
    ShutterSubstate,
    Start,
    StartImage,
    Stop,
    SummaryState,
)

S_NS = 1_000_000_000
NUMBERED = {
    CommandSubstate: ("IDLE", "BUSY"),
    RaftsSubstate: ("NEEDS_CLEAR", "CLEARING", "INTEGRATING", "READING_OUT", "QUIESCENT", "DISCARDING"),
    ShutterSubstate: ("CLOSED", "OPEN", "CLOSING", "OPENING"),
    ReadinessSubstate: ("READY", "NOT_READY", "GETTING_READY"),
    CalibrationSubstate: ("DISABLED", "ENABLED", "INTEGRATING"),
}
"""The reference's values of the detailed states, numbered from 1."""


@pytest.mark.parametrize("kind", NUMBERED)
def test_states_have_the_numbers_of_the_reference(kind):
    assert [(one.name, one.number) for one in kind if one.number] == [
        (name, number) for number, name in enumerate(NUMBERED[kind], 1)
    ]


def order(desk, kind, cause="1", **fields):
    command = desk.remote.command(kind, cause, timeout_s=60.0, **fields)
    return command, desk.handle(command)


def names(said, since=0):
    return [(one.substate.name, (one.transition.ns - since) / S_NS) for one in said]


def test_states_follow_an_image_from_the_command_to_its_end(desk):
    desk.enable()
    begin = desk.service.clock_start_tai_ns
    not_ready, applied, ready = desk.states
    assert names([not_ready, ready], begin) == [("NOT_READY", 0.0), ("READY", 0.0)]
    assert isinstance(applied, ConfigurationApplied)
    assert (applied.configurations, applied.version) == (("simcam-tiny.yaml",), "simcam-tiny-1.0.0")
    desk.states.clear()
    command, _ = desk.take(image_type="FLAT", exposure_time_s=3.0, shutter=True)
    steps = TakingImages(desk.service, command, "")
    row, _ = desk.step(lambda session: steps.begin_image(session, 1))
    for moment in steps.telling(row).readout():
        desk.states += [event for event in moment.events if "substate" in event.model_fields_set]
    desk.service.clock.reach(row.end_tai_ns)
    desk.step(lambda session: steps.end(session, AckCode.COMPLETE, "done", 1))
    assert names(desk.states, begin) == [
        ("BUSY", 0.0),
        *[("NOT_READY", 0.0), ("INTEGRATING", 0.0), ("OPEN", 0.0)],
        *[("CLOSED", 3.0), ("READING_OUT", 3.0)],
        *[("QUIESCENT", 5.0), ("READY", 5.0)],
        ("IDLE", 5.0),
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "state", "takes_s"),
    [
        (Clear, {"num_clears": 3}, "CLEARING", 0.3),
        (DiscardRows, {"num_rows": 36}, "DISCARDING", 2.0 * 36 / 144),
        (InitImage, {"delta_t_s": 5.0}, "CLEARING", 0.1),
    ],
)
def test_detectors_are_made_ready_in_the_time_it_takes(desk, kind, fields, state, takes_s):
    desk.enable()
    command, (ack,) = order(desk, kind, **fields)
    assert (ack.ack, ack.timeout_s) == (AckCode.IN_PROGRESS, 120.0)
    first, last = Preparing(desk.service, command, "").moments(S_NS)
    assert names(first.events, S_NS) == [("GETTING_READY", 0.0), (state, 0.0)]
    assert names(last.events, S_NS) == [("QUIESCENT", takes_s), ("READY", takes_s)]
    assert last.at_tai_ns == S_NS + takes_s * S_NS


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        (Clear, {"num_clears": 0}, f"num_clears is 0; give 1 to {MOST_CLEARS}"),
        (DiscardRows, {"num_rows": 145}, "num_rows is 145; give 1 to 144"),
        (InitImage, {"delta_t_s": -1.0}, "delta_t_s is -1.0; give 0 to 60 s"),
        (SetFilter, {"name": "x"}, "filter 'x' is not in simcam-tiny, which has u, g, r, i, z, y"),
    ],
)
def test_numbers_and_names_out_of_range_are_refused(desk, kind, fields, text):
    desk.enable()
    _, (ack,) = order(desk, kind, **fields)
    assert (ack.ack, ack.result) == (AckCode.FAILED, text)


def test_a_filter_that_is_set_is_that_of_the_next_images(desk):
    desk.enable()
    _, (ack,) = order(desk, SetFilter, name="i")
    assert (ack.ack, ack.result) == (AckCode.COMPLETE, "i is in the beam")
    command, _ = desk.take()
    row, _ = desk.step(lambda session: TakingImages(desk.service, command, "").begin_image(session, 1))
    assert row.filter == "i"
    _, (busy,) = order(desk, SetFilter, "2", name="g")
    assert (busy.ack, "busy with takeImages" in busy.result) == (AckCode.FAILED, True)


def test_stop_ends_images_after_the_one_that_is_being_taken(desk):
    desk.enable()
    _, (nothing,) = order(desk, Stop)
    assert (nothing.ack, nothing.result) == (AckCode.COMPLETE, "no images are being taken")
    command, _ = desk.take(num_images=3)
    steps = TakingImages(desk.service, command, "")
    assert desk.step(lambda session: steps.begin(session, desk.clock.now)) == []
    assert not desk.step(steps.stopped)
    _, (ack,) = order(desk, Stop, "2")
    assert (ack.ack, command.header.command_id in ack.result) == (AckCode.COMPLETE, True)
    assert desk.step(steps.stopped)
    assert desk.step(lambda session: steps.lacks(session, desk.clock.now)) == ""


def test_images_that_are_stopped_before_they_are_begun_are_aborted(desk):
    desk.enable()
    command, _ = desk.take()
    order(desk, Stop)
    steps = TakingImages(desk.service, command, "")
    (end,) = desk.step(lambda session: steps.begin(session, desk.clock.now))
    assert (end.ack, end.result) == (AckCode.ABORTED, "stopped before it was begun")
    assert desk.read(lambda queries: queries.row(steps.command_id)).state == CommandState.DONE


def test_a_configuration_that_is_none_is_refused_and_the_state_stays(desk):
    _, (ack,) = order(desk, Start, configuration_override="night.yaml")
    assert ack.ack is AckCode.FAILED
    assert ack.result == "no configuration 'night.yaml': there is the default only, leave it empty"
    assert (desk.state, desk.states) == (SummaryState.STANDBY, [])


@pytest.mark.asyncio
async def test_a_camera_that_runs_clears_stops_and_goes_on(tmp_path, tools):
    async with tools.running_camera(tmp_path) as (_, commander):
        await commander.enable()

        async def ended(command):
            commander.send(command)
            return await commander.final(command)

        remote = commander.remote
        end = await ended(remote.command(Clear, "1", timeout_s=60.0, num_clears=2))
        assert (end.ack, end.result) == (AckCode.COMPLETE, "the detectors are empty")
        images = tools.take_images(remote, "1", num_images=10_000)
        commander.send(images)
        await tools.until(lambda: commander.acks(images), "the images")
        assert (await ended(remote.command(Stop, "1", timeout_s=60.0))).ack is AckCode.COMPLETE
        end = await commander.final(images)
        assert end.ack is AckCode.ABORTED
        assert end.result in {
            "stopped before it was begun",
            f"stopped after {len(end.image_names)} of 10000 image(s)",
        }
        assert (await ended(tools.take_images(remote, "2"))).ack is AckCode.COMPLETE
        await opens_images(commander, ended, tools)


async def opens_images(commander, ended, tools):
    """An image that nobody ends is given up, and the next one is ended by command and stored."""

    def send(kind, cause, **fields):
        return ended(commander.remote.command(kind, cause, timeout_s=60.0, **fields))

    dark = {"shutter": False, "key_value_map": "imageType: DARK", "observation_note": ""}
    await send(EnableCalibration, "1")
    late = await send(StartImage, "late", end_within_s=1e-3, **dark)
    assert late.ack is AckCode.COMPLETE
    tries, sent_s = itertools.count(), time.monotonic()

    async def begun():
        nonlocal sent_s
        sent_s = time.monotonic()
        return await send(StartImage, f"try-{next(tries)}", end_within_s=600.0, **dark)

    while (begin := await begun()).ack is AckCode.FAILED:
        assert begin.result == f"{late.image_names[0]} is open: endImage ends it"
    warned = f"{late.image_names[0]} is abandoned: no endImage came in time"
    await tools.until(
        lambda: (30, warned) in [(m.level, m.message) for m in commander.heard(LogMessage)], warned
    )
    end = await send(EndImage, "1")
    assert (end.ack, end.image_names) == (AckCode.COMPLETE, begin.image_names)
    (name,) = end.image_names

    def exposed_s():
        return [
            one.exposure_time_s for one in commander.heard(ExposureStored) if one.image.image_name == name
        ]

    await tools.until(exposed_s, "the image")
    assert 0 < exposed_s()[0] <= time.monotonic() - sent_s  # not since the image before it
