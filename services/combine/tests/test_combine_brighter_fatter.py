"""The brighter-fatter recipe: areas come back with the stated errors, corrected flats are white, what fails says why."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.brighter_fatter.recipe import BFK
from calibrant.combine.recipes.photon_transfer.ptc import PTC
from calibrant.pixels import Amplifier, ArrayRows, Box, Geometry, Overscan, Signature

TITLES = ("Brighter-fatter kernel", "Photon transfer")
SIDE = 192
GAIN, NOISE_E = 1.25, 4.0
LEVELS_E = (4_000.0, 20_000.0, 50_000.0, 70_000.0)
LAGS = 4
AREAS = np.zeros((LAGS + 1, LAGS + 1))
AREAS[:3, :3] = [[0.0, 4e-7, 5e-8], [6e-7, 1e-7, 2e-8], [8e-8, 3e-8, 1e-8]]
COPIES = np.outer([1, 2, 2, 2, 2], [1, 2, 2, 2, 2])
AREAS[0, 0] = -(COPIES * AREAS).sum()
SMALL = {"lags": LAGS, "least_pixels": 1000}


def geometry(gain=GAIN):
    amplifiers = tuple(
        Amplifier(
            name,
            Box(0, SIDE, x, x + SIDE),
            Box(0, SIDE, x, x + SIDE),
            False,
            False,
            over,
            None,
            gain,
            NOISE_E,
            65000.0,
        )
        for name, x, over in (
            ("A", 0, Box(0, SIDE, 2 * SIDE, 2 * SIDE + 8)),
            ("B", SIDE, Box(0, SIDE, 2 * SIDE + 8, 2 * SIDE + 16)),
        )
    )
    return Geometry((SIDE, 2 * SIDE + 16), (SIDE, 2 * SIDE), amplifiers)


def spectrum(level_e):
    """Give the power of a flat whose pixels have shrunk all along: Astier 2019, eq. 20 summed up, around a torus."""
    torus = np.zeros((SIDE, 2 * SIDE))
    for j, i in np.ndindex(AREAS.shape):
        torus[np.ix_([j, -j], [i, -i])] = AREAS[j, i]
    grown = 2 * level_e * np.fft.fft2(torus).real
    return level_e * np.divide(np.expm1(grown), grown, out=np.ones_like(grown), where=grown != 0)


def flat(rng, level_e):
    """Draw a raw flat with the covariances of the areas, over a pedestal."""
    raw = np.full((SIDE, 2 * SIDE + 16), 1000.0)
    white = np.fft.fft2(rng.normal(0, 1, (SIDE, 2 * SIDE)))
    raw[:, : 2 * SIDE] += (level_e + np.fft.ifft2(white * np.sqrt(spectrum(level_e))).real) / GAIN
    return (raw + rng.normal(0, NOISE_E / GAIN, raw.shape)).round().astype(np.uint16)


def inputs(levels_e=LEVELS_E, unit="electron", seed=3, spoil=lambda raw: raw):
    rng = np.random.default_rng(seed)
    frames = [
        FrameInput(f"flat {n}", ArrayRows(spoil(flat(rng, level))), level / 1e3, None, "r")
        for n, level in enumerate(np.repeat(levels_e, 2).tolist())
    ]
    return RecipeInputs(frames, {}, geometry(), Signature(overscan=Overscan("median"), unit=unit))


def measured(given, **parameters):
    built = BFK.compute(given, BFK.parameters(**(SMALL | parameters)))
    return {table.name: table for table in built.tables}


def described():
    """Give the tables and columns that the page on products tells of kernels, and of curves, whose pairs they share."""
    page = (Path(__file__).parents[3] / "docs/products.md").read_text()
    sections = [page.partition(f"\n## {title}\n")[2].partition("\n## ")[0] for title in TITLES]
    return set(re.findall(r"[A-Z][A-Z0-9_]*", " ".join(sections)))


@pytest.fixture(scope="module")
def flats():
    return inputs()


@pytest.mark.parametrize(("method", "level"), [("kernel", "detector"), ("shifts", "amplifier")])
def test_areas_come_back_and_a_corrected_pair_has_no_covariances(flats, method, level):
    found = measured(flats, method=method, level=level)
    assert {
        word for table in found.values() for word in (table.name, *(c.name for c in table.columns))
    } <= described()
    mean, errors = found["DETECTOR"]["A"][0], found["DETECTOR"]["A_ERR"][0]
    pulls = ((mean - AREAS) / errors).ravel()
    assert abs(pulls[0]) < 3
    assert 0.5 < np.sqrt((pulls[1:] ** 2).mean()) < 1.5
    assert errors[0, 0] < 0.04 * abs(AREAS[0, 0]), (
        "the stated accuracy: 4 % of a00 with 4 pairs of 192 x 384 pixels"
    )
    shifts, amplifiers = found["SHIFTS"], found["AMPLIFIERS"]
    assert set(shifts["FROM"]) == {level}
    assert list(amplifiers["REASON"]) == ["", ""]
    assert list(amplifiers["GAIN_FROM"]) == ["pairs", "pairs"]
    assert list(amplifiers["NOISE"]) == pytest.approx([NOISE_E, NOISE_E], rel=0.05), "that of the overscans"
    before = {
        (row, n): c
        for row, n, c in zip(
            found["PAIRS"]["AMPLIFIER"], found["PAIRS"]["FIRST"], found["PAIRS"]["COV"], strict=True
        )
    }
    for row, name in enumerate(amplifiers["AMPLIFIER"]):
        checked = list(found["CORRECTED"]["AMPLIFIER"]).index(name)
        assert found["CORRECTED"]["MEAN"][checked] > 0.9 * LEVELS_E[-1] / GAIN, "the brightest pair"
        was = before[name, found["CORRECTED"]["FIRST"][checked]]
        now = found["CORRECTED"]["COV"][checked]
        assert found["CORRECTED"]["ROUNDS"][checked] < 10
        assert found["CORRECTED"]["RESIDUAL"][checked] <= 0.01
        assert now[0, 1] + now[1, 0] < 0.4 * (was[0, 1] + was[1, 0])
        assert abs(amplifiers["LEFT"][row]) < 3 * amplifiers["LEFT_ERR"][row] < 0.6
        assert abs(amplifiers["VARIANCE"][row] - 1) < 3 * amplifiers["VARIANCE_ERR"][row] < 0.06
        assert amplifiers["CHI2"][row] < 2 * amplifiers["DOF"][row]


def test_a_photon_transfer_curve_that_is_given_says_the_gain_and_how_far_up(flats):
    curve = {table.name: table for table in PTC.compute(flats, PTC.parameters(**SMALL)).tables}
    curve["AMPLIFIERS"]["TURNOFF"][:] *= 1 - 1e-6  # of the same flats, corrected by other gains
    given = type("Curve", (), {"table": curve.__getitem__})()
    found = measured(replace(flats, tables={"ptc": given}))
    assert list(found["AMPLIFIERS"]["GAIN"]) == list(curve["AMPLIFIERS"]["GAIN"])
    assert list(found["AMPLIFIERS"]["GAIN_FROM"]) == ["ptc", "ptc"]
    assert list(found["AMPLIFIERS"]["USED"]) == [4, 4]
    cut = measured(flats, most_adu=45_000.0)
    assert list(cut["AMPLIFIERS"]["USED"]) == [3, 3]
    assert set(cut["LEVELS"]["BECAME"][cut["LEVELS"]["MEAN"] > 45_000]) == {
        "outside the range of levels that was asked for"
    }


def dead(raw):
    raw = raw.copy()
    raw[:, SIDE : 2 * SIDE] = 1200
    return raw


def test_an_amplifier_that_is_dead_says_so_and_is_corrected_as_the_others():
    found = measured(inputs(spoil=dead), level="amplifier")
    amplifiers, shifts = found["AMPLIFIERS"], found["SHIFTS"]
    assert list(amplifiers["REASON"]) == [
        "",
        "there is no noise: the amplifier is dead or its values are made up",
    ]
    assert np.isnan([amplifiers[name][1] for name in ("GAIN", "A00", "LEFT", "VARIANCE")]).all()
    assert list(shifts["FROM"]) == ["amplifier", "detector"]
    assert np.isfinite(shifts["COLUMNS"]).all()


@pytest.mark.parametrize(
    ("frames", "parameters", "words"),
    [
        (slice(0, 2), {}, "A: all pairs have the same level; take pairs of flats at several levels"),
        (slice(0, None, 2), {}, "no two of the 4 flats"),
        (slice(None), {"relax_rounds": 2}, "the relaxation did not converge"),
        (slice(None), {"least_adu": 1e5}, "is not above 100000"),
        (
            slice(None),
            {"reject": 1e-6},
            "A: no level of the flats could be used: areas gained and lost do not balance",
        ),
    ],
)
def test_what_gives_no_kernel_is_refused_with_the_reason(flats, frames, parameters, words):
    with pytest.raises(RecipeRefused, match=words):
        measured(replace(flats, frames=flats.frames[frames]), **parameters)
