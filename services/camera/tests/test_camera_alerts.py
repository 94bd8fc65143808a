"""Troubles that stand against the camera are acknowledged and cleared by command, in any state."""

from pathlib import Path

from calibrant.camera.room import Room
from calibrant.contracts.camera.v1 import AckCode, Alert
from calibrant.sal.acks import ERROR


def order(desk, cause, alert_id, action):
    (ack,) = desk.handle(desk.remote.command(Alert, cause, timeout_s=60.0, alert_id=alert_id, action=action))
    assert ack.error == (ERROR if ack.ack is AckCode.FAILED else 0)
    return ack.ack, ack.result


def test_a_trouble_that_stands_is_acknowledged_and_cleared_and_no_other(desk):
    health = desk.service.health
    assert order(desk, "none", "room", "clear") == (AckCode.FAILED, "no alert 'room' stands; none does")
    health.trouble("room", "the disk is full")
    health.trouble("objects", "no bucket")
    listed = "no alert 'disk' stands; there are: objects: no bucket; room: the disk is full"
    assert order(desk, "other", "disk", "acknowledge") == (AckCode.FAILED, listed)
    assert order(desk, "odd", "room", "ignore")[1] == "action is 'ignore'; give acknowledge or clear"
    known = order(desk, "known", "room", "acknowledge")
    assert known == (AckCode.COMPLETE, "room is acknowledged by test: the disk is full")
    assert (health.acknowledged, set(health.troubles)) == ({"room": "test"}, {"room", "objects"})
    cleared = order(desk, "cleared", "room", "clear")
    assert cleared == (AckCode.COMPLETE, "room is cleared; it stands again when it is met again")
    assert (health.acknowledged, set(health.troubles)) == ({}, {"objects"})
    health.trouble("room", "again")
    assert health.acknowledged == {}


def test_a_lack_of_room_that_is_there_is_not_cleared_and_a_busy_camera_takes_alerts(desk):
    desk.enable()
    desk.take("1")
    desk.service.room = Room(Path("/"), 1 << 62, 0)
    desk.service.health.trouble("room", "the disk is full")
    ack, why = order(desk, "1", "room", "clear")
    assert ack is AckCode.FAILED
    assert why.startswith("room cannot be cleared: ")
    assert order(desk, "2", "room", "acknowledge")[0] is AckCode.COMPLETE
