"""Limits and gate as an instrument file tells them: places, nights and times, and what is refused."""

import pytest
from pydantic import ValidationError

from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.times import parse_time
from calibrant.rules.verification import Scope

KEY = "bias.amplifier.MEAN"


def changed(**fields):
    content = load_instrument("simcam-tiny").model_dump()
    return Instrument.model_validate(content | fields)


def limit(instrument, **place):
    return instrument.limits().of(KEY, 0.05, Scope(exposure_id="e", **place))


def test_a_number_holds_everywhere_with_the_version_of_the_description():
    mine = changed(verification={KEY: 0.1})
    assert limit(mine) == (0.1, "simcam-tiny-1.0.0")
    assert limit(load_instrument("simcam-tiny")) == (0.05, "default-1")


def test_entries_hold_where_and_when_they_say():
    noisy = {
        "limit": 0.2, "detector": 1, "amplifier": "A01", "valid_from": 20260101, "valid_to": "2026-01-05T00:00:00TAI",
        "version": "noisy-2", "because": "a loose cable",
    }  # fmt: skip
    mine = changed(verification={KEY: [{"limit": 0.1}, noisy]})
    night = parse_time("2026-01-01T12:00:00")
    there = {"detector": 1, "amplifier": "A01"}
    assert limit(mine, **there, begin_tai_ns=night) == (0.2, "noisy-2")
    assert limit(mine, **there, begin_tai_ns=night - 1)[0] == 0.1
    end = parse_time("2026-01-05T00:00:00", "tai")
    assert limit(mine, **there, begin_tai_ns=end - 1)[0] == 0.2
    assert limit(mine, **there, begin_tai_ns=end)[0] == 0.1
    assert limit(mine, **there | {"detector": 0}, begin_tai_ns=night)[0] == 0.1
    assert mine.hash != changed(verification={KEY: [{"limit": 0.1}]}).hash


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"verification": {"bias.amplifier.NOISY": 1.0}}, "do you mean 'bias.amplifier.NOISE'"),
        ({"verification": {KEY: [{"limit": 1.0, "detector": 7}]}}, "no detector 7; there are 0, 1"),
        ({"verification": {KEY: [{"limit": 1.0, "amplifier": "Z"}]}}, "no amplifier 'Z'; there are A00"),
        ({"verification": {KEY: [{"limit": 1.0, "valid_from": 20261301}]}}, "valid_from"),
        ({"verification": {KEY: [{"limit": 1.0, "from": 20260101}]}}, "from"),
        ({"gate": {"rul": "any"}}, "the gate has no 'rul'; do you mean 'rule'"),
        ({"gate": {"failed_tests": 0}}, "the gate's failed_tests: 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields, says):
    with pytest.raises(ValidationError, match=says):
        changed(**fields)
