"""Every command is on record with its verdict, together with its effect; who may not command has none."""

import pytest

from calibrant.camera.store import CameraQueries
from calibrant.contracts.camera.v1 import AckCode, SummaryState
from calibrant.runtime.access.audit import entries
from calibrant.sal import Composer

S_NS = 1_000_000_000


def rows(desk):
    with desk.database.reading() as session:
        return [(row["who"], row["what"], row["outcome"].split(":")[0]) for row in reversed(entries(session))]


def test_each_verdict_is_on_record(desk):
    desk.enable()
    command, _ = desk.take()
    desk.handle(command)  # replayed
    late = desk.tools.take_images(desk.remote, "late", timeout_s=10.0)
    desk.clock.now += 11 * S_NS
    desk.handle(late)
    desk.handle(desk.tools.state_command(Composer("shutter", "test", desk.clock), "start"))
    assert rows(desk) == [
        ("test", "command start", "changes state"),
        ("test", "command enable", "changes state"),
        ("test", "command takeImages", "accepted"),
        ("test", "command takeImages", "repeated"),
        ("test", "command takeImages", "refused"),
    ]


@pytest.mark.parametrize("roles", [(), ("viewer",), ("captain", "OPERATOR", "operator ")])
def test_a_command_without_the_role_changes_nothing_and_takes_no_identifier(desk, roles):
    desk.enable()
    forged = desk.tools.take_images(Composer("camera", "eve", desk.clock, roles), "1")
    (ack,) = desk.handle(forged)
    assert (ack.ack, ack.error) == (AckCode.NO_PERMISSION, 1)
    assert rows(desk)[-1] == ("eve", "command takeImages", "not permitted")
    assert desk.state is SummaryState.ENABLED
    assert desk.read(CameraQueries.unfinished) == []
    command, (taken,) = desk.take("1")
    assert command.header.command_id == forged.header.command_id
    assert taken.ack is AckCode.IN_PROGRESS


def test_a_replay_by_who_may_not_command_is_answered_as_before(desk):
    desk.enable()
    _, (first,) = desk.take("1")
    forged = desk.tools.take_images(Composer("camera", "eve", desk.clock, ()), "1")
    assert desk.handle(forged) == [first]
    assert rows(desk)[-1] == ("eve", "command takeImages", "repeated")


def test_for_whom_a_component_commands_is_on_record(desk):
    desk.remote = Composer("camera", "sequencer", desk.clock, requested_by="ana")
    desk.enable()
    with desk.database.reading() as session:
        assert "changes state, for ana: COMPLETE: now ENABLED" in [row["outcome"] for row in entries(session)]


def test_a_command_that_is_rolled_back_is_not_on_record(desk):
    def fail(session):
        command = desk.tools.state_command(desk.remote, "start")
        desk.service.accept(command, session, now_tai_ns=desk.clock.now, run_id="")
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.step(fail)
    assert rows(desk) == []
    assert desk.state is SummaryState.STANDBY
