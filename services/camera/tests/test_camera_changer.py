"""A filter changer that sleeps: what wakes it, how long that takes, and how long it stays awake."""

import pytest

from calibrant.camera.changer import waking_s
from calibrant.camera.checks import problem_of
from calibrant.camera.waking import WakingChanger
from calibrant.contracts.camera.v1 import AckCode, SetFilter, WakeFilterChanger
from calibrant.sal import Composer

S_NS = 1_000_000_000


@pytest.fixture
def sleeper(desk):
    """A camera whose changer sleeps, enabled; it is in no filter yet."""
    desk.service.parameters = desk.service.parameters.model_copy(update={"changer_wake_s": 30.0})
    desk.service.clock.speed = 2.0
    desk.enable()
    return desk


def order(desk, kind, cause="1", **fields):
    command = desk.remote.command(kind, cause, timeout_s=60.0, **fields)
    (ack,) = desk.handle(command)
    return command, ack


def woken(desk, command, at_ns):
    waking = WakingChanger(desk.service, command, "")
    (end,) = desk.step(lambda session: waking.woken(session, at_ns, 1))
    return end.ack, end.result


def sleeps(desk, image_filter):
    """Return how long takeImages with a filter waits for the changer, in seconds."""
    take = desk.tools.take_images(desk.remote, image_filter, image_type="FLAT", filter=image_filter)
    return desk.step(lambda session: waking_s(desk.service, session, take))


def test_a_changer_that_never_sleeps_moves_at_once_and_says_so(desk):
    desk.enable()
    assert order(desk, SetFilter, name="r")[1].result == "r is in the beam"
    _, ack = order(desk, WakeFilterChanger, duration_s=60.0)
    assert (ack.ack, ack.result) == (AckCode.COMPLETE, "the filter changer never sleeps")


def test_a_filter_is_set_when_the_changer_has_woken_up_and_not_before(sleeper):
    command, ack = order(sleeper, SetFilter, name="r")
    assert (ack.ack, ack.result) == (AckCode.IN_PROGRESS, "the filter changer wakes up first, 30 s")
    assert ack.timeout_s == 120.0 + 30.0 / 2  # at twice the speed
    assert sleeper.step(lambda session: sleeper.service.status(session).filter) == ""
    assert woken(sleeper, command, 1) == (AckCode.COMPLETE, "r is in the beam")
    assert [sleeps(sleeper, name) for name in ("", "r", "g")] == [0.0, 0.0, 30.0]
    assert order(sleeper, SetFilter, "same", name="r")[1].ack is AckCode.COMPLETE


def test_it_stays_awake_as_long_as_commanded_and_the_longest_counts(sleeper):
    begin = sleeper.service.clock_start_tai_ns
    command, ack = order(sleeper, WakeFilterChanger, duration_s=60.0)
    assert ack.ack is AckCode.IN_PROGRESS
    text = "the filter changer is awake until 2026-01-01T22:02:07 TAI"
    assert woken(sleeper, command, begin + 30 * S_NS) == (AckCode.COMPLETE, text)
    sleeper.service.clock.reach(begin + 89 * S_NS)
    assert order(sleeper, SetFilter, name="g")[1].result == "g is in the beam"
    assert order(sleeper, WakeFilterChanger, "short", duration_s=0.25)[1].result == text
    sleeper.service.clock.reach(begin + 90 * S_NS)
    assert sleeps(sleeper, "r") == 30.0
    sleeper.service.boot_id = "boot-2"
    sleeper.enable()
    assert order(sleeper, WakeFilterChanger, "anew", duration_s=1.0)[1].ack is AckCode.IN_PROGRESS


@pytest.mark.parametrize("duration_s", [0.0, -1.0, 86_400.5])
def test_how_long_it_is_awake_has_limits(instrument, hand_clock, duration_s):
    command = Composer("camera", "test", hand_clock).command(
        WakeFilterChanger, "1", timeout_s=60.0, duration_s=duration_s
    )
    assert problem_of(command, instrument, ()).startswith(f"duration_s is {duration_s}; give more than 0")
