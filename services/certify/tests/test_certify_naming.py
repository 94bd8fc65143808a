"""Where calibrations are looked up that nobody named a place for."""

import pytest

from calibrant.certify.naming import place_of


@pytest.mark.parametrize(
    ("instrument", "named", "place"),
    [
        ("latiss", None, "LATISS/calib/daily"),
        ("simcam", None, "simcam/calib/daily"),
        ("simcam", "mine", "mine"),
        ("nobodys", None, None),
    ],
)
def test_the_place_is_the_one_that_is_named_or_the_instruments(tmp_path, instrument, named, place):
    assert place_of(instrument, tmp_path, named) == place
