"""A metric over time, each exposure beside the history before it."""

import pytest
from verify_past import DAY, NIGHT, RULES, read_of

from calibrant.verify.trending import Which, trend


def lines(past, rules=RULES, **which):
    return trended(past, rules, **which).lines


def trended(past, rules=RULES, *, since=None, until=None, most=1000, **which):
    return trend(
        past.session,
        Which("simcam-tiny", "NOISE_RATIO", **which),
        rules,
        since_tai_ns=since,
        until_tai_ns=until,
        most=most,
    )


def test_a_trend_places_each_exposure_in_the_history_before_its_night(past):
    for night in (5, 4, 3):
        past.night(night, [5.0, 5.1])
    past.night(2, [9.0, 5.05])
    rows = lines(past)
    assert [row["points"] for row in rows] == [0, 0, 2, 2, 4, 4, 6, 6]
    assert [row["value"] for row in rows][-2:] == [9.0, 5.05]
    assert [row["out"] for row in rows] == [False] * 6 + [True, False]
    assert (rows[-2]["median"], rows[-2]["mad"]) == (pytest.approx(5.05), pytest.approx(0.05))
    assert "5 are needed" in rows[2]["because"]


def test_what_is_not_certified_is_shown_and_is_no_history(past):
    past.night(3, [99.0], certified=None)
    past.night(2, [5.0])
    past.night(1, [5.0])
    rows = lines(past)
    assert [row["certified"] for row in rows] == [False, True, True]
    assert [row["points"] for row in rows] == [0, 0, 1]


def test_series_do_not_mix_and_can_be_chosen(past):
    past.night(2, [5.0], amplifiers=("A", "B"))
    past.night(1, [6.0], detector=1)
    past.night(1, [7.0], kind="flat", filter="r")
    series = [(row["kind"], row["detector"], row["amplifier"], row["filter"]) for row in lines(past)]
    assert series == [
        ("bias", 0, "A", None),
        ("bias", 0, "B", None),
        ("bias", 1, "A", None),
        ("flat", 0, "A", "r"),
    ]
    assert {row["points"] for row in lines(past)} == {0}
    assert [row["value"] for row in lines(past, detector=1)] == [6.0]
    assert [row["value"] for row in lines(past, kind="flat", filter="r")] == [7.0]
    assert [row["amplifier"] for row in lines(past, amplifier="B")] == ["B"]


def test_times_limit_what_is_shown_not_the_history(past):
    for night in (3, 2, 1):
        past.night(night, [5.0])
    (row,) = lines(past, since=NIGHT - 2 * DAY, until=NIGHT - DAY)
    assert (row["begin_tai_ns"], row["points"]) == (NIGHT - 2 * DAY, 1)


def test_a_trend_shows_the_latest_frames_beside_the_history_that_they_have_anyway(past, monkeypatch):
    for night in range(30, 1, -1):
        past.night(night, [5.0, 5.0 + night / 100], amplifiers=("A", "B"))
    past.night(1, [5.1, 5.2], detector=1)
    every = lines(past)
    rules = RULES.model_copy(update={"length": 6})
    found, read = read_of(past, monkeypatch, lambda: trended(past, rules, most=3))
    assert found.more
    whole = [line for line in lines(past, rules) if line["begin_tai_ns"] > NIGHT - 2 * DAY]
    assert [line for line in found.lines if line in whole] == found.lines
    assert len(found.lines) == 4  # one frame of two amplifiers, two of one
    assert read < len(every) / 2
    assert not trended(past, most=60).more


def test_the_night_that_a_time_cuts_has_the_history_that_it_has_anyway(past):
    past.night(3, [5.0, 5.1])
    past.night(2, [5.2, 5.3])
    past.night(1, [5.4])
    whole = lines(past)
    assert lines(past, since=NIGHT - 2 * DAY + 1) == whole[3:]
    assert lines(past, since=NIGHT) == []
