"""Times against astropy's own time scales, and against the leap seconds that are known by heart."""

from datetime import UTC, datetime

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from calibrant.frames.times import (
    NS_PER_S,
    day_obs,
    format_time,
    mjd_tai,
    parse_days,
    parse_time,
    parse_unix,
    tai_ns_from_datetime,
    utc_text,
)

UTC_TEXTS = st.datetimes(min_value=datetime(1972, 1, 1), max_value=datetime(2026, 6, 1)).map(  # noqa: DTZ001
    lambda moment: moment.isoformat(timespec="microseconds")
)


@given(UTC_TEXTS)
def test_utc_agrees_with_astropy(text):
    theirs = Time(text, format="isot", scale="utc").tai - Time(
        "1970-01-01T00:00:00", format="isot", scale="tai"
    )
    assert parse_time(text) / NS_PER_S == pytest.approx(theirs.sec, abs=1e-5)


@given(UTC_TEXTS)
def test_formatting_undoes_parsing(text):
    assert format_time(parse_time(text), "utc", 6) == text
    assert format_time(parse_time(text, "tai"), "tai", 6) == text


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00 UTC", "2026-01-01"]
)
def test_a_time_is_utc_unless_it_says_tai(text):
    assert parse_time(text) == parse_time("2026-01-01T00:00:37 TAI") == parse_time("2026-01-01T00:00:37TAI")


def test_the_leap_second_exists_and_is_written_as_such():
    before = parse_time("2016-12-31T23:59:59")
    leap = parse_time("2016-12-31T23:59:60.5")
    after = parse_time("2017-01-01T00:00:00")
    assert (leap - before, after - before) == (1_500_000_000, 2_000_000_000)
    assert format_time(leap) == "2016-12-31T23:59:60.500"
    assert day_obs(leap) == "20161231"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-13-01T00:00:00",
        "2026-02-30",
        "2026-01-01T24:00:00",
        "2026-01-01T00:00:60",
        "2016-12-31T23:59:60TAI",
        "1965-01-01T00:00:00",
        "2026-01-01T00:00:00+01:00",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a time|before 1972"):
        parse_time(text)


def test_nanoseconds_survive():
    assert parse_time("1970-01-01T00:00:00.123456789TAI") == 123_456_789
    assert format_time(123_456_789, "tai", 9) == "1970-01-01T00:00:00.123456789"
    assert format_time(999_999_999, "tai", 0) == "1970-01-01T00:00:00"


def test_days_and_unix_seconds_agree_with_the_same_time_as_text():
    begin = parse_time("2019-08-03T23:24:16")
    assert abs(parse_days("58698.975185185", "mjd") - begin) < 100_000
    assert abs(parse_days("2458699.475185185", "jd") - begin) < 100_000
    assert parse_days("2458699.5", "jd") == parse_time("2019-08-04T00:00:00")
    assert parse_unix(1564874656.0) == begin
    assert mjd_tai(parse_time("2019-08-04T00:00:00TAI")) == 58699.0


def test_nights_change_at_noon():
    assert day_obs(parse_time("2015-05-20T11:59:59.9")) == "20150519"
    assert day_obs(parse_time("2015-05-20T12:00:00")) == "20150520"


def test_a_datetime_must_name_its_zone():
    assert tai_ns_from_datetime(datetime(2026, 1, 1, tzinfo=UTC)) == parse_time("2026-01-01T00:00:00")
    with pytest.raises(ValueError, match="time zone"):
        tai_ns_from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001


@given(UTC_TEXTS)
def test_a_readers_text_is_exact_and_says_its_scale(text):
    written = utc_text(parse_time(text))
    assert parse_time(written) == parse_time(text)
    assert written.endswith("Z")
    assert "." not in written or written[-2] != "0"


def test_a_readers_text_before_1972_is_tai_and_of_nothing_is_nothing():
    assert utc_text(0) == "1970-01-01T00:00:00 TAI"
    assert parse_time(utc_text(1_500_000_000)) == 1_500_000_000
    assert utc_text(parse_time("2026-01-01T00:00:10")) == "2026-01-01T00:00:10Z"
    assert utc_text(None) is None
