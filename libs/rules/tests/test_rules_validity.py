import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibrant.rules.times import DAY_S, NS_PER_S, utc_text
from calibrant.rules.validity import (
    TurnedRound,
    ValidityRange,
    ValidityRule,
    between,
    default_range,
    left_of,
)

INSTANTS = range(-1, 12)


def span(begin, end):
    return ValidityRange(begin_tai_ns=begin, end_tai_ns=end)


ENDS = st.none() | st.integers(0, 10)


@st.composite
def ranges(draw):
    begin, end = draw(ENDS), draw(ENDS)
    if begin is not None and end is not None and begin > end:
        begin, end = end, begin
    return span(begin, end)


def inside(r):
    """Plain second implementation: the instants -1 to 11 that are inside."""
    low = float("-inf") if r.begin_tai_ns is None else r.begin_tai_ns
    high = float("inf") if r.end_tai_ns is None else r.end_tai_ns
    return {t for t in INSTANTS if low <= t < high}


@given(ranges(), ranges())
def test_overlap_cut_and_cover_agree_with_sets_of_instants(a, b):
    assert {t for t in INSTANTS if a.contains(t)} == inside(a)
    assert a.overlaps(b) == b.overlaps(a) == bool(inside(a) & inside(b))
    assert a.covers(b) == (inside(b) <= inside(a))
    pieces = a.without(b)
    assert not any(piece.empty for piece in pieces)
    assert set().union(*(inside(piece) for piece in pieces)) == inside(a) - inside(b)
    assert len(pieces) < 2 or not pieces[0].overlaps(pieces[1])


def test_half_open_adjacent_empty():
    assert span(0, 5).contains(0)
    assert not span(0, 5).contains(5)
    assert not span(0, 5).overlaps(span(5, 9))
    assert span(3, 3).empty
    assert not span(3, 3).overlaps(span(None, None))
    assert not span(3, 3).contains(3)


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValidationError, match="before it begins"):
        span(5, 4)
    with pytest.raises(
        TurnedRound, match=r"^validity range ends \(.*\) before it begins \(.*\): swap begin and end$"
    ):
        between(5, 4)
    assert between(4, None) == span(4, None)


@given(ranges(), ranges())
def test_what_a_withdrawal_leaves_is_what_is_not_withdrawn_under_names_of_its_own(standing, gone):
    left = left_of("cert-1", standing, gone, "chg-2")
    assert tuple(left.values()) == standing.without(gone)
    assert list(left) == ["cert-1", "cert-1/chg-2"][: len(left)]


def test_default_range_is_a_day_from_the_first_frame():
    first = 1_767_225_637 * NS_PER_S
    assert default_range(first, ValidityRule()) == span(first, first + DAY_S * NS_PER_S)
    assert default_range(first, ValidityRule(duration_s=None, before_s=60)) == span(
        first - 60 * NS_PER_S, None
    )


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00 TAI"),
        (1_767_225_637_500_000_000, "2026-01-01T00:00:00.5Z"),
        (None, None),
        (-1, "1969-12-31T23:59:59.999999999 TAI"),
        (10**30, f"{10**30} ns TAI"),
        (-(10**30), f"-{10**30} ns TAI"),
    ],
)
def test_times_for_readers(ns, text):
    assert utc_text(ns) == text


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        (None, None, "at all times"),
        (1_767_225_637 * NS_PER_S, None, "from 2026-01-01T00:00:00Z on"),
        (None, 1_767_225_637 * NS_PER_S, "until 2026-01-01T00:00:00Z"),
        (0, 1_767_225_637 * NS_PER_S, "from 1970-01-01T00:00:00 TAI until 2026-01-01T00:00:00Z"),
    ],
)
def test_a_range_is_worded_in_utc_and_without_infinities(begin, end, words):
    assert str(span(begin, end)) == words
