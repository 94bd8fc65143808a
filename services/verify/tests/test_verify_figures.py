"""Figures of the page: all that was measured is in them, nothing outside the picture, the same bytes for the same numbers."""

import base64
import re
from itertools import count
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from calibrant.verify.page.charts import course, histogram
from calibrant.verify.page.figures import FIGURES
from calibrant.verify.page.focal_plane import Tile
from calibrant.verify.page.metrics import Metric
from calibrant.verify.page.mosaics import mosaic
from calibrant.verify.reports import AmplifierRecord, SeriesRecord

SVG = "{http://www.w3.org/2000/svg}"
EXPOSURES = [f"e{number}" for number in range(7)]


def metric(places, name="NOISE"):
    numbers = count()
    return Metric(
        name, "electron", {place: {one: next(numbers) ** 1.5 for one in EXPOSURES} for place in places}
    )


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


def parsed(address):
    return ET.fromstring(base64.b64decode(address.partition(",")[2]))


def ways(drawn, name):
    """Give the paths of a group, with their styles."""
    (group,) = [one for one in drawn.iter(f"{SVG}g") if one.get("id") == name]
    return [(one.get("d"), one.get("style", "")) for one in group.iter(f"{SVG}path")]


def assert_all_inside(drawn):
    width, height = (float(drawn.get(name).removesuffix("pt")) for name in ("width", "height"))
    corners = [
        tuple(map(float, one))
        for path in drawn.find(f"{SVG}g").iter(f"{SVG}path")
        if path.get("clip-path")
        for one in re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path.get("d"))
    ]
    texts = [one for one in drawn.iter(f"{SVG}text") if one.get("x")]
    for one in texts:
        size = float(re.search(r"font-size: ([\d.]+)px", one.get("style"))[1])
        across = "anchor: middle" in one.get("style") and "rotate(-0 " in one.get("transform", "rotate(-0 ")
        reach = 0.3 * size * len(one.text) if across else 0
        corners += [(float(one.get("x")) + side * reach, float(one.get("y"))) for side in (-1, 1)]
    assert texts
    assert all(-1 <= x <= width + 1 and 0 <= y <= height for x, y in corners)


@pytest.mark.parametrize("detectors", [1, 2, 9])
def test_a_mosaic_has_every_amplifier_once_and_all_of_it_is_inside(detectors):
    tiles = [Tile(number, f"S{number:02}", amplifiers()) for number in range(detectors)]
    places = [(tile.number, one.name) for tile in tiles for one in tile.amplifiers]
    drawn = parsed(mosaic(metric(places[1:]), tiles, {places[0], places[-1]}))
    painted = {way for way, _ in ways(drawn, "PolyCollection_1")}
    assert len(painted) == len(places) - 1
    assert [style.partition(";")[0][:10] for _, style in ways(drawn, "PolyCollection_2")] == ["fill: url("]
    alarms = [one for one in drawn.iter(f"{SVG}use") if "stroke: var(--alarm)" in one.get("style", "")]
    assert len(alarms) == 2
    assert_all_inside(drawn)


def test_very_many_amplifiers_are_one_picture():
    tiles = [Tile(number, f"S{number:02}", amplifiers()) for number in range(189)]
    places = [(tile.number, one.name) for tile in tiles for one in tile.amplifiers]
    drawn = parsed(mosaic(metric(places), tiles, set()))
    assert len(list(drawn.iter(f"{SVG}image"))) == 2  # amplifiers, and the bar of colours
    assert len(list(drawn.iter(f"{SVG}path"))) < len(places) / 4


def test_a_histogram_has_all_measurements():
    one = metric([(0, "A"), (0, "B"), (1, "A")])
    drawn = parsed(histogram(one))
    bars = [
        path.get("d") for path in drawn.iter(f"{SVG}path") if "fill: var(--accent)" in path.get("style", "")
    ]
    corners = [np.array(re.findall(r"[ML] [\d.-]+ ([\d.-]+)", bar), float) for bar in bars]
    heights = np.array([np.ptp(one) for one in corners])
    counts, _ = np.histogram(one.all_values, bins=len(bars))
    assert heights / heights.max() == pytest.approx(counts / counts.max(), abs=1e-4)
    assert_all_inside(drawn)


def test_a_course_has_all_exposures_and_names_are_text_whatever_is_in_them():
    drawn = parsed(course(metric([(0, "A"), (0, "B")], '<script>&"'), EXPOSURES))
    lines = [
        one.get("d") for one in drawn.iter(f"{SVG}path") if "stroke: var(--accent)" in one.get("style", "")
    ]
    assert max(way.count("L") for way in lines) == len(EXPOSURES) - 1
    assert '<script>&" [electron]' in [text.text for text in drawn.iter(f"{SVG}text")]
    assert_all_inside(drawn)


def test_the_same_numbers_give_the_same_bytes():
    tiles, places = [Tile(0, "S00", amplifiers())], [(0, "A00"), (0, "A01")]
    assert mosaic(metric(places), tiles, set()) == mosaic(metric(places), tiles, set())
    first = histogram(metric(places)), course(metric(places), EXPOSURES)
    histogram(metric([*places, (1, "A00")], "LEVEL"))
    course(metric(places[:1], "MEAN"), EXPOSURES[:3])
    assert (histogram(metric(places)), course(metric(places), EXPOSURES)) == first


def numbers(kind, value, points=3):
    """Give what a kind's figure draws, of two amplifiers: all over the same level, as saturated frames, with the same number."""
    names = {
        "crosstalk": ("c0", "significant", "rest_c0"),
        "linearity": ("signal_adu", "read_percent", "corrected_percent", "on_curve"),
        "cti": ("signal_adu", "cti", "cti_error", "serial", "used"),
        "ptc": ("mean_adu", "variance_adu2", "on_curve"),
        "gain": ("mean_adu", "variance_adu2", "on_curve"),
        "bfk": ("distance_px", "area_per_e", "before", "after"),
        "dark-current": ("dark_time_s", "level_e"),
        "bias-stability": ("time_h", "level_e"),
        "persistence": ("time_s", "level_e"),
        "correlations": ("bias", "flat"),
    }[kind]
    square = 2 if kind in {"crosstalk", "correlations"} else points
    values = dict.fromkeys(names, (value,) * square)
    if value is not None and square == points:
        values[names[0]] = (65535.0,) * points
    return [SeriesRecord(amplifier=name, values=values) for name in ("A00", "A01")]


@pytest.mark.parametrize("value", [None, 0.0])
@pytest.mark.parametrize("kind", FIGURES)
def test_every_kind_has_a_figure_also_of_a_detector_in_which_nothing_was_measured(kind, value):
    series = numbers(kind, value)
    drawn = parsed(FIGURES[kind].draw(series))
    assert drawn.tag == f"{SVG}svg"
    assert "nan" not in FIGURES[kind].alt("0", series)


@pytest.mark.parametrize("levels", [(5000.0, 5000.0), (5000.0, 5600.0), (300.0, 900.0), (90.0, 40000.0)])
def test_a_narrow_range_of_levels_has_numbers_at_its_axes_and_amplifiers_are_told(levels):
    points = {"mean_adu": levels, "variance_adu2": levels, "on_curve": (1, 1)}
    series = [SeriesRecord(amplifier=name, values=points) for name in ("A00", "A01")]
    drawn = parsed(FIGURES["ptc"].draw(series))
    for axes in ("matplotlib.axis_1", "matplotlib.axis_2", "matplotlib.axis_3"):
        (group,) = [one for one in drawn.iter(f"{SVG}g") if one.get("id") == axes]
        told = [one.text for one in group.iter(f"{SVG}text") if re.fullmatch(r"[\d.e+]+", one.text)]
        assert len(told) >= 2, axes
    assert {"A00", "A01"} <= {one.text for one in drawn.iter(f"{SVG}text")}
