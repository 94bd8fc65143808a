"""Figures of the page: round numbers along their axes, the colours of cividis, nothing outside the picture."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps

from calibrant.verify.page.charts import course, histogram
from calibrant.verify.page.colours import STEPS, colour_of, is_dark, step_of
from calibrant.verify.page.focal_plane import Tile
from calibrant.verify.page.metrics import Metric
from calibrant.verify.page.mosaics import mosaic
from calibrant.verify.page.scales import spread, ticks, written
from calibrant.verify.reports import AmplifierRecord

SVG = "{http://www.w3.org/2000/svg}"
values = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(values, values, st.integers(3, 8), st.booleans())
def test_an_axis_has_few_even_round_numbers_that_are_told_apart(one, other, most, whole):
    low, high = spread([one, other])
    found = ticks(low, high, most, whole=whole)
    assert len(found) <= most + 1
    assert len(found) > 1 or whole
    room = 1e-5 * (high - low)
    assert all(low - room <= one <= high + room for one in found)
    assert not whole or all(one % 1 == 0 for one in found)
    words = written(found)
    assert len(set(words)) == len(words)
    for word, number in zip(words, found, strict=True):
        assert float(word.replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            number, rel=1e-9, abs=1e-3 * (high - low)
        )


@pytest.mark.parametrize(
    ("low", "high", "most", "says"),
    [
        (0.31, 1.19, 4, ["0.50", "0.75", "1.00"]),
        (0.0, 13.65, 4, ["0", "4", "8", "12"]),
        (-1.6, 3.2, 5, ["\N{MINUS SIGN}1", "0", "1", "2", "3"]),
        (-1.7, 3.2, 4, ["\N{MINUS SIGN}1.5", "0.0", "1.5", "3.0"]),
        (2.1e-6, 4.2e-6, 4, ["2.4e-06", "3e-06", "3.6e-06", "4.2e-06"]),
    ],
)
def test_numbers_along_an_axis(low, high, most, says):
    assert written(ticks(low, high, most)) == says


def test_the_colours_are_those_of_cividis():
    theirs = colormaps["cividis"]
    for step in range(STEPS):
        ours = bytes.fromhex(colour_of(step)[1:])
        assert ours == pytest.approx([255 * part for part in theirs(step)[:3]], abs=12)
    assert [step_of(part) for part in (0.0, 0.5, 1.0)] == [0, 128, 255]
    assert (is_dark(0), is_dark(255)) == (True, False)


def metric(places, exposures, name="NOISE"):
    numbers = iter(range(1000))
    return Metric(
        name, "electron", {place: {one: next(numbers) ** 1.5 for one in exposures} for place in places}
    )


def parsed(address):
    return ET.fromstring(base64.b64decode(address.partition(",")[2]))


def amplifiers():
    return tuple(
        AmplifierRecord(
            name=f"A{row}{column}",
            x0=64 * column,
            x1=64 * column + 64,
            y0=64 * row,
            y1=64 * row + 64,
            gain_e_per_adu=1.0,
            read_noise_e=5.0,
        )
        for row in (0, 1)
        for column in (0, 1)
    )


@pytest.mark.parametrize("detectors", [1, 2, 9, 189])
def test_a_mosaic_has_every_amplifier_once_and_all_of_it_is_inside(detectors):
    tiles = [Tile(number, f"S{number:02}", amplifiers()) for number in range(detectors)]
    places = [(tile.number, one.name) for tile in tiles for one in tile.amplifiers]
    drawn = parsed(mosaic(metric(places[1:], ["e1"]), tiles, {places[0], places[-1]}))
    width, height = (float(drawn.get(name).removesuffix("pt")) for name in ("width", "height"))
    ways = [(one.get("d"), one.get("fill", ""), one.get("stroke")) for one in drawn.iter(f"{SVG}path")]
    painted = [box for way, fill, _ in ways if fill.startswith("#") for box in way.split("z")[:-1]]
    assert len(set(painted)) == len(painted) == len(places) - 1
    (unknown,) = [way for way, fill, line in ways if fill == "url(#hatch)" and line == "var(--ink)"]
    assert unknown.count("z") == 1
    assert [way.count("M") for way, _, line in ways if line == "var(--alarm)"] == [2]
    corners = [
        tuple(map(float, one))
        for one in re.findall(r"M([\d.-]+) ([\d.-]+)", " ".join(way for way, *_ in ways))
    ]
    corners += [
        (float(one.get("x")), float(one.get("y"))) for one in drawn.iter(f"{SVG}text") if one.get("x")
    ]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in corners)


def test_a_histogram_has_all_measurements_and_a_course_all_exposures():
    exposures = [f"e{number}" for number in range(7)]
    one = metric([(0, "A"), (0, "B"), (1, "A")], exposures, '<script>&"')
    drawn = parsed(histogram(one))
    (bars,) = [path.get("d") for path in drawn.iter(f"{SVG}path") if path.get("fill") == "var(--accent)"]
    heights = [float(tall) for tall in re.findall(r"h[\d.]+v([\d.]+)", bars)]
    rows = {
        text.text: float(text.get("y"))
        for text in drawn.iter(f"{SVG}text")
        if text.get("text-anchor") == "end"
    }
    number, row = max((int(words), row) for words, row in rows.items())
    assert sum(heights) == pytest.approx(21 * (rows["0"] - row) / number, rel=1e-3)
    drawn = parsed(course(one, exposures))
    (line,) = [path.get("d") for path in drawn.iter(f"{SVG}path") if path.get("stroke") == "var(--accent)"]
    assert line.count("L") == 6
    assert [text.text for text in drawn.iter(f"{SVG}text")][-1] == '<script>&" [electron]'
