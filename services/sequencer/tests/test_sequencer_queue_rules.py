"""The rules of queues and of daily times: order, what is waited for, clocks that change, what is missed."""

from datetime import UTC, datetime

import pytest

from calibrant.runtime.clock import TAI_MINUS_UTC_S, utc_text
from calibrant.sequencer.queue.order import placed, waits_for
from calibrant.sequencer.queue.times import NoSuchTime, daily

NS = 10**9
NEW_YORK = "America/New_York"


def tai(text):
    """Instant of a UTC text, TAI ns."""
    utc = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (round(utc.timestamp()) + TAI_MINUS_UTC_S) * NS


@pytest.mark.parametrize(
    ("run_id", "place", "order"),
    [
        ("c", 1, "cabd"),
        ("a", 3, "bcad"),
        ("b", 2, "abcd"),
        ("a", 99, "bcda"),
        ("new", None, ["a", "b", "c", "d", "new"]),
        ("new", 2, ["a", "new", "b", "c", "d"]),
    ],
)
def test_a_run_comes_to_its_place_and_the_others_keep_their_order(run_id, place, order):
    assert placed(["a", "b", "c", "d"], run_id, place) == list(order)


@pytest.mark.parametrize(
    ("paused_by", "running", "state", "told"),
    [
        ("", "", "STANDBY", ""),
        ("", "", "FAULT", ""),
        ("ana", "run-1", "ENABLED", "paused by ana"),
        ("", "run-1", "OFFLINE", "run run-1 has not ended"),
        ("", "", "", "camera cam has said nothing yet"),
        ("", "", "OFFLINE", "camera cam is OFFLINE"),
    ],
)
def test_a_queue_begins_nothing_while_paused_busy_or_without_a_camera(paused_by, running, state, told):
    why = waits_for(paused_by=paused_by, running=running, camera="cam", camera_state=state)
    assert (why == "") == (told == "")
    assert why.startswith(told)


@pytest.mark.parametrize(
    ("at", "zone", "since", "instant"),
    [
        ("06:00", "UTC", "2026-07-01 05:59:59", "2026-07-01 06:00:00"),
        ("06:00", "UTC", "2026-07-01 06:00:00", "2026-07-02 06:00:00"),
        ("06:00:30", "UTC", "2026-02-28 06:00:30", "2026-03-01 06:00:30"),
        # Clocks go forward on 8 March 2026, 07:00 UTC, and back on 1 November, 06:00 UTC.
        ("12:00", NEW_YORK, "2026-03-07 17:00:00", "2026-03-08 16:00:00"),
        ("02:30", NEW_YORK, "2026-03-08 06:00:00", "2026-03-08 07:30:00"),
        ("02:30", NEW_YORK, "2026-03-08 07:30:00", "2026-03-09 06:30:00"),
        ("01:30", NEW_YORK, "2026-11-01 00:00:00", "2026-11-01 05:30:00"),
        ("01:30", NEW_YORK, "2026-11-01 05:30:00", "2026-11-02 06:30:00"),
        # Days that begin long before, or after, those of UTC.
        ("00:30", "Pacific/Kiritimati", "2026-07-01 10:00:00", "2026-07-01 10:30:00"),
        ("23:30", "Pacific/Niue", "2026-07-01 10:29:59", "2026-07-01 10:30:00"),
    ],
)
def test_a_daily_time_comes_once_a_day_whatever_clocks_do(at, zone, since, instant):
    assert utc_text(daily(at, zone).next(tai(since))) == f"{instant.replace(' ', 'T')}.000000Z"


@pytest.mark.parametrize(
    ("since", "now", "due"),
    [
        ("2026-07-01 06:00:00", "2026-07-02 05:59:59", []),
        ("2026-07-01 06:00:00", "2026-07-02 06:00:00", [("2026-07-02", False)]),
        ("2026-07-01 06:00:00", "2026-07-02 07:00:00", [("2026-07-02", False)]),
        ("2026-07-01 06:00:00", "2026-07-02 07:00:01", [("2026-07-02", True)]),
        (
            "2026-07-01 06:00:00",
            "2026-07-04 06:10:00",
            [("2026-07-02", True), ("2026-07-03", True), ("2026-07-04", False)],
        ),
    ],
)
def test_a_time_is_due_within_its_grace_and_missed_after_it(since, now, due):
    found = daily("06:00").due(tai(since), tai(now), grace_s=3600)
    assert [(one.day.isoformat(), one.missed) for one in found] == due


@pytest.mark.parametrize(
    ("at", "zone"),
    [
        ("6:00", "UTC"),
        ("24:00", "UTC"),
        ("06:60", "UTC"),
        ("06:00Z", "UTC"),
        ("T0600", "UTC"),
        ("06:00\n", "UTC"),
        ("06:00", "Chile"),
        ("06:00", "America"),
        ("06:00", "../../etc/passwd"),
        ("06:00", "/etc/localtime"),
        ("06:00", ""),
        ("06:00", "a\0b"),
    ],
)
def test_what_is_no_time_or_no_zone_is_refused_with_what_to_write(at, zone):
    with pytest.raises(NoSuchTime, match="write"):
        daily(at, zone)
