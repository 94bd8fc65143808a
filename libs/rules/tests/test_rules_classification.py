import pytest
from pydantic import ValidationError

from calibrant.rules.classification import ClassificationRule, ImageType, bare_name, classify


def rules(*lines):
    return [ClassificationRule(**line) for line in lines]


BY_NAME = rules(*({"type": t, "file_name": f"{t}_*"} for t in ("bias", "dark", "flat", "arc")))
AFOSC = rules(
    {"type": "bias", "card": "IMAGETYP", "equals": "bias"},
    {"type": "flat", "card": "IMAGETYP", "matches": "flat$"},
    {"type": "science", "card": "IMAGETYP", "equals": "object"},
)
KAST = rules(
    {"type": "bias", "card": "OBJECT", "matches": "^bias"},
    {"type": "flat", "card": "OBJECT", "matches": "flat"},
    {"type": "arc", "card": "OBJECT", "matches": "^arcs?$"},
    {"type": "standard", "card": "OBJECT", "matches": r"^(feige|bd|hz|g191)\b"},
    {"type": "science", "card": "EXPTIME", "greater_than": 0},
)
SIMULATED = rules(*({"type": t, "card": "IMGTYPE", "equals": t} for t in ("bias", "dark", "flat")))


@pytest.mark.parametrize(
    ("given", "header", "name", "expected"),
    [
        (BY_NAME, {}, "bias_Mon_Sep_19_2022_19.47.45_00001.fits.gz", "bias"),
        (BY_NAME, {}, "bias_Mon_Sep_19_2022_19.47.45_00001.fits", "bias"),
        (BY_NAME, {}, "newton/flat/flat_Mon_Sep_19_2022_19.30.12_00018.fits.gz", "flat"),
        (BY_NAME, {}, "arc_Mon_Sep_19_2022_19.22.23_00014.fits.gz", "arc"),
        (BY_NAME, {}, "dark_1012_2s_001.FIT.gz", "dark"),
        (BY_NAME, {}, "DARK_1012_2s_001.fit", "dark"),
        (BY_NAME, {}, "peer/master_bias.fits.gz", "unknown"),
        (AFOSC, {"IMAGETYP": "Bias    "}, "AF560570.fits.gz", "bias"),
        (AFOSC, {"IMAGETYP": "Flat"}, "AF560600.fits.gz", "flat"),
        (AFOSC, {"IMAGETYP": "SkyFlat "}, "AF560600.fits.gz", "flat"),
        (AFOSC, {"IMAGETYP": "Object"}, "AF559481.fits.gz", "science"),
        (AFOSC, {"IMAGETYP": 7}, "x.fits", "unknown"),
        (KAST, {"OBSTYPE": "DARK", "OBJECT": "Bias", "EXPTIME": 0}, "b21.fits.gz", "bias"),
        (KAST, {"OBSTYPE": "OBJECT", "OBJECT": "Dome Flat", "EXPTIME": 15}, "b11.fits.gz", "flat"),
        (KAST, {"OBSTYPE": "OBJECT", "OBJECT": "Arcs", "EXPTIME": 30}, "b1.fits.gz", "arc"),
        (KAST, {"OBSTYPE": "OBJECT", "OBJECT": "Feige 66", "EXPTIME": 30}, "b24.fits.gz", "standard"),
        (KAST, {"OBSTYPE": "OBJECT", "OBJECT": "J1217p3905", "EXPTIME": 1200}, "b27.fits.gz", "science"),
        (KAST, {"OBJECT": "J1217p3905", "EXPTIME": "long"}, "b27.fits.gz", "unknown"),
        (SIMULATED, {"IMGTYPE": "DARK"}, "SIM_O_20260101_000001.fits", "dark"),
        ([], {}, "x.fits", "unknown"),
    ],
)
def test_every_camera_we_have(given, header, name, expected):
    assert classify(given, header, name).type is ImageType(expected)


def test_the_first_rule_that_holds_decides_and_says_so():
    two = rules({"type": "bias", "card": "OBJECT"}, {"type": "flat", "card": "OBJECT", "equals": "flat"})
    answer = classify(two, {"OBJECT": "flat"}, "x.fits")
    assert answer.type is ImageType.BIAS
    assert answer.because == "OBJECT = 'flat' (rule 1)"
    assert classify(two[::-1], {"OBJECT": "flat"}, "x.fits").type is ImageType.FLAT


def test_unknown_says_what_was_looked_at():
    answer = classify([*AFOSC, *BY_NAME], {"OBJECT": "m31"}, "night/m31.fits.gz")
    assert answer.because == "none of 7 rules holds: no IMAGETYP, file name m31.fits"


def test_all_conditions_of_a_rule_must_hold():
    (rule,) = rules(
        {"type": "bias", "card": "exptime", "less_than": 1e-3, "file_name_matches": r"^b\d+\.fits$"}
    )
    assert rule.holds({"EXPTIME": 0.0}, "b21.fits.gz") == "EXPTIME = 0.0 and file name b21.fits"
    assert rule.holds({"EXPTIME": 1e-3}, "b21.fits.gz") is None
    assert rule.holds({"EXPTIME": 0.0}, "c21.fits") is None
    assert rule.holds({}, "b21.fits") is None


@pytest.mark.parametrize(
    ("value", "wanted", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (1, True, False),
        (True, True, True),
        ("1", 1, False),
        (" A ", "a", True),
    ],
)
def test_equality_of_cards(value, wanted, same):
    (rule,) = rules({"type": "bias", "card": "X", "equals": wanted})
    assert (rule.holds({"X": value}, "f") is not None) is same


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"type": "bias"}, "has no condition"),
        ({"type": "bias", "equals": "x", "file_name": "a"}, "name the card"),
        ({"type": "bias", "card": "X", "matches": "("}, "not a regular expression"),
        ({"type": "biass", "card": "X"}, "Input should be"),
        ({"type": "bias", "card": "X", "equal": "x"}, "Extra inputs"),
    ],
)
def test_broken_rules_are_refused(line, message):
    with pytest.raises(ValidationError, match=message):
        ClassificationRule(**line)


def test_names_and_types_in_any_case():
    assert bare_name("a/b/dark.FIT.GZ") == "dark.FIT"
    assert ImageType("Bias ") is ImageType.BIAS
    assert ClassificationRule(type="FLAT", file_name="*").type is ImageType.FLAT
    assert (
        classify(rules({"type": "flat", "file_name": "flat_*.fits.gz"}), {}, "flat_1.fits").type
        is ImageType.FLAT
    )
