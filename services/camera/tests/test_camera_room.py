"""Past a limit of disk or outbox a camera begins no image, says why, and goes on when there is room again."""

import shutil
from dataclasses import replace

import pytest

from calibrant.camera import executor, room, transactions
from calibrant.camera.room import Room
from calibrant.camera.sequence import TakingImages
from calibrant.camera.service import STALLED_AGAIN_S
from calibrant.camera.store import CameraQueries
from calibrant.contracts.camera.v1 import AckCode, StartIntegration
from calibrant.runtime.tables import OutboxRow

NS = 1_000_000_000
FULL = "less than 1048576.00 GiB (CALIBRANT_STALL_FREE_BYTES): free some space"


@pytest.fixture
def taking(desk, tmp_path):
    """Give a command that waits on a disk that is too full, and its first answer."""
    desk.enable()
    desk.service.room = Room(tmp_path, 1 << 50, 0)
    command, (ack,) = desk.take(timeout_s=600.0)
    return TakingImages(desk.service, command, ""), ack


def test_a_command_is_answered_that_it_stalls_and_why(taking, desk):
    _, ack = taking
    assert ack.ack is AckCode.STALLED
    assert ack.result.endswith(FULL)
    assert "has " in ack.result
    assert ack.timeout_s == pytest.approx(600.0 + 120.0)  # it may begin at its deadline
    (row,) = desk.read(CameraQueries.unfinished)
    assert row.state == "accepted"


def test_the_answer_is_repeated_now_and_then_while_it_lasts(taking, desk):
    waiting, _ = taking

    def stall():
        return desk.step(lambda session: waiting.stall(session, "why", desk.clock.now))

    assert stall() == []
    desk.clock.now += round(STALLED_AGAIN_S * NS)
    assert [ack.ack for ack in stall()] == [AckCode.STALLED]
    assert stall() == []


def test_past_its_deadline_it_ends_and_says_what_it_waited_for(taking, desk):
    waiting, _ = taking
    assert desk.step(lambda session: waiting.lacks(session, desk.clock.now)).endswith(FULL)
    desk.clock.now += 601 * NS
    assert desk.step(lambda session: waiting.lacks(session, desk.clock.now)) == ""
    (end,) = desk.step(lambda session: waiting.begin(session, desk.clock.now))
    assert end.ack is AckCode.TIMEOUT
    assert "its deadline passed" in end.result
    assert end.result.endswith(FULL)
    assert desk.read(CameraQueries.unfinished) == []


def test_more_events_in_the_outbox_than_allowed_stall_too(desk, tmp_path):
    limit = Room(tmp_path, 0, 2)
    for count, lacks in ((2, ""), (1, "3 events wait to be sent, more than 2")):
        with desk.database.writing() as session:
            session.add_all(OutboxRow(lane=0, topic="t", value=b"", headers="[]") for _ in range(count))
        with desk.database.reading() as session:
            assert limit.lacking(session).startswith(lacks)
            assert bool(limit.lacking(session)) == bool(lacks)
            assert replace(limit, outbox_rows=0).lacking(session) == ""


def test_a_folder_that_is_gone_stalls_with_the_reason_and_is_no_fault(desk, tmp_path):
    desk.enable()
    folder = tmp_path / "gone"
    desk.service.room = Room(folder, 1, 0)
    command, (ack,) = desk.take(timeout_s=600.0)
    assert ack.ack is AckCode.STALLED
    assert f"the disk of {folder} cannot be looked at: No such file or directory" in ack.result
    folder.mkdir()
    waiting = TakingImages(desk.service, command, "")
    assert desk.step(lambda session: waiting.lacks(session, desk.clock.now)) == ""


@pytest.mark.asyncio
async def test_a_stalled_camera_executes_nothing_and_goes_on_when_there_is_room(tmp_path, tools, monkeypatch):
    monkeypatch.setattr(transactions, "RETRY_S", 0.01)
    monkeypatch.setattr(executor, "_IDLE_S", 0.01)
    free = {"bytes": 5000}
    usage = shutil.disk_usage

    def smaller(folder):
        return usage(folder)._replace(free=free["bytes"])

    monkeypatch.setattr(room.shutil, "disk_usage", smaller)
    async with tools.running_camera(tmp_path, stall_free_bytes=4000) as (app, commander):
        process = app.state.process
        await commander.enable()
        free["bytes"] = 3000
        command = tools.take_images(commander.remote, "1", num_images=2)
        commander.send(command)
        await tools.until(lambda: "room" in process.health.troubles, "the trouble")
        await tools.until(lambda: commander.acks(command), "the answer")
        assert [ack.ack for ack in commander.acks(command)] == [AckCode.STALLED]
        assert not process.health.ready
        assert not commander.heard(StartIntegration)
        free["bytes"] = 5000
        assert (await commander.final(command)).ack is AckCode.COMPLETE
        assert "room" not in process.health.troubles
        told = [ack.ack for ack in commander.acks(command)]
        assert told == [AckCode.STALLED, AckCode.IN_PROGRESS, AckCode.COMPLETE]


@pytest.mark.asyncio
async def test_a_command_stalls_between_two_of_its_images(tmp_path, tools, monkeypatch):
    monkeypatch.setattr(transactions, "RETRY_S", 0.01)
    full = []

    def lacking(self, session):
        if not full and session.get(executor.ExposureRow, 2026010100001) is not None:
            full.append(True)
        return "the disk is full" if full == [True] else ""

    monkeypatch.setattr(Room, "lacking", lacking)
    async with tools.running_camera(tmp_path) as (app, commander):
        await commander.enable()
        command = tools.take_images(commander.remote, "1", num_images=2)
        commander.send(command)
        await tools.until(lambda: app.state.process.health.counts.get("stalled"), "the stall")
        assert len(commander.heard(StartIntegration)) <= 1
        full.append(True)
        assert (await commander.final(command)).image_names
        told = [ack.ack for ack in commander.acks(command)]
        assert told == [AckCode.IN_PROGRESS, AckCode.IN_PROGRESS, AckCode.STALLED, AckCode.COMPLETE]
