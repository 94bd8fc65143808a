"""Nights, names and numbers."""

import pytest

from calibrant.camera.night import NightFull, exposure_id, image_name, next_night
from calibrant.frames.times import format_time, parse_time


def test_names_and_numbers():
    assert image_name("SC", "20260101", 12) == "SC_O_20260101_000012"
    assert exposure_id("20260101", 12) == 2026010100012
    assert exposure_id("20260101", 99_999) == 2026010199999


def test_a_night_has_room_for_five_digits():
    with pytest.raises(NightFull, match="20260101 holds 99999 images"):
        exposure_id("20260101", 100_000)


@pytest.mark.parametrize(
    ("now", "following"),
    [
        ("2026-01-01T22:00:00", "2026-01-02T22:00:00"),
        ("2026-01-02T11:59:59.999999999", "2026-01-02T22:00:00"),
        ("2026-01-02T12:00:00", "2026-01-03T22:00:00"),
        ("2026-02-28T23:00:00", "2026-03-01T22:00:00"),
        ("2016-12-31T22:00:00", "2017-01-01T22:00:00"),  # a leap second in between
    ],
)
def test_the_next_night_begins_at_22_utc(now, following):
    assert format_time(next_night(parse_time(now)), "utc", 0) == following
