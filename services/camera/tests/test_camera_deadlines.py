"""Commands and their deadlines: late ones are timed out, clocks that are off are lived with, what waits is not begun too late."""

import pytest
from taken_images import S_NS, taking

from calibrant.camera.sequence import TakingImages
from calibrant.contracts.camera.v1 import (
    AckCode,
    SummaryState,
)
from calibrant.contracts.common.v1 import TaiTime

FIRST_NS, LAST_NS = (1 - 2**53) * S_NS, 2**53 * S_NS - 1
"""The first and the last time that a message can hold."""


def test_a_command_after_its_deadline_is_timed_out(desk):
    desk.enable()
    command = desk.tools.take_images(desk.remote, "late", timeout_s=10.0)
    desk.clock.now += 11 * S_NS
    (ack,) = desk.handle(command)
    assert (ack.ack, ack.ack.number) == (AckCode.TIMEOUT, -304)
    assert "deadline passed 1.0 s ago" in ack.result


@pytest.mark.parametrize("deadline_ns", [FIRST_NS, 0, 1])
def test_a_deadline_by_a_clock_that_is_far_behind_is_answered_and_nothing_begins(desk, deadline_ns):
    desk.enable()
    command = by_deadline(desk, deadline_ns)
    (ack,) = desk.handle(command)
    assert (ack.ack, "deadline passed" in ack.result) == (AckCode.TIMEOUT, True)
    assert desk.read(lambda queries: queries.unfinished()) == []


def test_a_deadline_by_a_clock_that_is_far_ahead_is_taken_as_it_stands(desk):
    desk.enable()
    command = by_deadline(desk, LAST_NS)
    (ack,) = desk.handle(command)
    assert (ack.ack, ack.timeout_s) == (AckCode.IN_PROGRESS, 120.0)
    assert desk.service.stalled(command, "no room", now_tai_ns=desk.clock.now).timeout_s > 0
    steps = TakingImages(desk.service, command, "run-1")
    desk.step(lambda session: steps.begin(session, desk.clock.now))
    image, _ = desk.step(lambda session: steps.begin_image(session, 1))
    assert image.image_number == 1


def by_deadline(desk, deadline_ns):
    command = desk.tools.take_images(desk.remote, "1")
    header = command.header.model_copy(update={"deadline": TaiTime.from_ns(deadline_ns)})
    return command.model_copy(update={"header": header})


def test_a_queued_command_whose_deadline_passes_is_not_begun(desk):
    steps = taking(desk, timeout_s=10.0)
    desk.clock.now += 11 * S_NS
    (ack,) = desk.step(lambda session: steps.begin(session, desk.clock.now))
    assert ack.ack is AckCode.TIMEOUT
    assert desk.read(lambda queries: queries.unfinished()) == []


@pytest.mark.parametrize("begun", [False, True])
def test_disabling_the_camera_ends_what_stop_could_not_end_any_more(desk, begun):
    steps = taking(desk)
    if begun:
        desk.step(lambda session: steps.begin(session, desk.clock.now))
    told = desk.handle(desk.tools.state_command(desk.remote, "disable"))[0]
    end = f"takeImages ({steps.command_id}) ends after the image that is being taken"
    assert (told.ack, told.result, desk.state) == (
        AckCode.COMPLETE,
        f"now DISABLED; {end}",
        SummaryState.DISABLED,
    )
    desk.handle(desk.tools.state_command(desk.remote, "enable", "again"))
    if begun:
        assert desk.step(steps.stopped)
    else:
        (ack,) = desk.step(lambda session: steps.begin(session, desk.clock.now))
        assert (ack.ack, ack.result) == (AckCode.ABORTED, "stopped before it was begun")


@pytest.mark.parametrize(("name", "told"), [("disable", ["IDLE", "NOT_READY"]), ("", ["IDLE"])])
def test_a_camera_that_was_disabled_meanwhile_is_not_ready_after_its_last_image(desk, name, told):
    steps = taking(desk)
    if name:
        desk.handle(desk.tools.state_command(desk.remote, name))
    desk.states.clear()
    desk.step(lambda session: steps.finish(session, AckCode.ABORTED, "stopped", desk.clock.now))
    assert [one.substate.name for one in desk.states] == told
