"""What a header claims of its camera: read where it can be, none where it cannot be true, never a refusal."""

import pytest

from calibrant.frames.instrument import HeaderTranslation, MonitorSource, load_instrument
from calibrant.frames.reading.claims import Claims, claims_of
from calibrant.frames.reading.translation import translate
from calibrant.frames.testing import good_cards

WORDS = {"exposure_id": {"cards": ["ID"]}, "begin": {"cards": ["DATE"]}, "exptime": {"cards": ["EXPTIME"]}}
CLAIMS = {"gain": {"cards": ["EGAIN", "GAIN"]}, "read_noise": {"cards": ["RDNOISE"]}}


def words(unit):
    return HeaderTranslation.model_validate(
        {**WORDS, **CLAIMS, "temperature": {"cards": ["TEMP"], "unit": unit}}
    )


@pytest.mark.parametrize(
    ("unit", "cards", "claims"),
    [
        ("C", {"GAIN": 2, "EGAIN": 1.49, "RDNOISE": "7.1", "TEMP": -10.2}, Claims(1.49, 7.1, -10.2)),
        ("K", {"TEMP": 193.15}, Claims(temperature_c=pytest.approx(-80.0))),
        ("C", {"GAIN": 0, "RDNOISE": -1.0, "TEMP": -999.0}, Claims()),
        ("C", {"GAIN": "high", "RDNOISE": True, "TEMP": "UNKNOWN"}, Claims()),
        ("C", {"GAIN": "nan", "RDNOISE": "inf", "TEMP": "inf"}, Claims()),
        ("C", {}, Claims()),
    ],
)
def test_claims_are_read_where_they_can_be_true(unit, cards, claims):
    assert claims_of(words(unit), cards) == claims


def test_a_camera_without_such_words_claims_nothing():
    assert claims_of(HeaderTranslation.model_validate(WORDS), {"GAIN": 2, "TEMP": -10.0}) == Claims()


@pytest.mark.parametrize(
    ("reads", "cards", "light"),
    [
        ("charge", {"PDC": "2.5e-9"}, 2.5e-9),
        ("rate", {"PDC": 5.0}, 20.0),
        ("charge", {"PDC": -1.0}, None),
        ("charge", {"PDC": "off"}, None),
        ("rate", {}, None),
    ],
)
def test_a_monitor_tells_the_light_of_the_exposure_or_nothing(reads, cards, light):
    camera = load_instrument("simcam-tiny")
    header = camera.header.model_copy(update={"monitor": MonitorSource(cards=("PDC",), reads=reads)})
    watched = camera.model_copy(update={"header": header})
    told = good_cards(camera, IMGTYPE="FLAT", EXPTIME=4.0, FILTER="r") | cards
    assert translate(watched, told, "one.fits").monitor == light
    assert translate(camera, told, "one.fits").monitor is None
