"""A table of readings becomes parameters of a linearity, whatever its form; a wrong one is refused by what is wrong with it."""

import json

import pytest
from astropy.table import MaskedColumn, Table

from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.observatory.readings import readings_parameters
from calibrant.observatory.requests import BadRequest


@pytest.mark.parametrize("ending", ["ecsv", "csv", "fits"])
@pytest.mark.parametrize(
    "names", [[2026010100001, 2026010100002, 2026010100003], ["a.fits", "b.fits", "c.fits"]]
)
def test_a_table_of_readings_is_what_the_recipe_takes(tmp_path, ending, names):
    column = "file_name" if isinstance(names[0], str) else "Exposure_ID"
    readings = MaskedColumn([1.5e-9, 3e-9, 7.0], name="charge", mask=[False, False, True])
    table = Table([names, readings], names=[column, "charge"])
    table.write(tmp_path / f"diode.{ending}")
    found = readings_parameters(tmp_path / f"diode.{ending}")
    own = {name.removeprefix("linearity."): value for name, value in found.items()}
    taken = parse_parameters(RECIPES["linearity"], own)
    assert taken.readings == {str(names[0]): 1.5e-9, str(names[1]): 3e-9}
    assert (taken.light, taken.readings_are) == ("monitor", "charge")
    assert readings_parameters(None) == {}


def test_a_rate_is_called_one(tmp_path):
    (tmp_path / "lamp.csv").write_text("exposure,rate\ne1,1\ne2,1.02\n")
    assert json.loads(readings_parameters(tmp_path / "lamp.csv")["linearity.readings_are"]) == "rate"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "exposure,charge\ne1,1\n", "unknown form; name it .ecsv, .csv, .fits"),
        ("a.csv", "exposure,volts\ne1,1\n", "no column reading or charge or rate; it has exposure, volts"),
        ("a.csv", "id,charge\ne1,1\n", "no column exposure_id or exposure or file_name or file"),
        ("a.csv", "exposure,charge\ne1,1\ne1,2\n", "e1 stands there twice"),
        ("a.csv", "exposure,charge\ne1,dark\n", "the reading of e1 is .*dark.*, no number"),
        ("a.csv", "exposure,charge\ne1,nan\n", "holds no reading"),
        ("a.fits", "not FITS", "is no fits table|No SIMPLE card"),
        ("none.csv", None, "No such file"),
    ],
)
def test_a_wrong_table_is_refused_by_what_is_wrong(tmp_path, name, text, says):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadRequest, match=says):
        readings_parameters(tmp_path / name)
