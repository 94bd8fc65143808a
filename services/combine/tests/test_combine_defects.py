"""The defects recipe: what is planted in darks and flats is marked, told as regions, and masked in what is made later."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine.recipes.base import RecipeRefused
from calibrant.pixels import Mask
from calibrant.pixels.defects import Region, mask_of
from calibrant.pixels.geometry import Box

HOT, DEAD = Mask.BAD | Mask.HOT, Mask.BAD | Mask.DEAD
WARM, COLD, COLUMN = (10, 20), (30, 40), 50
"""Pixels of the first amplifier, whose raw columns begin after two of prescan; and a column of it."""


def planted(bench, frames, plant):
    """Give frames again with something done to their raw pixels."""
    found = []
    for one in frames:
        path = bench.folder / f"planted-{one.file_name}"
        with fits.open(bench.objects.local_path(one.ref)) as file:
            plant(file[0].data)
            file.writeto(path, output_verify="silentfix")
        found.append(bench.input(path, f"raw/{path.name}"))
    return found


def heat(raw, time_s=10):
    """Add 30 electrons/s to a pixel, and more to most of a column."""
    raw[WARM[0], WARM[1] + 2] += 20 * time_s
    raw[0:64:2, COLUMN + 2] += 300 * time_s
    raw[1:40:2, COLUMN + 2] += 300 * time_s


def dim(raw):
    """Take half of its light from a pixel; what is hot is hot for 4 s here, too."""
    heat(raw, time_s=4)
    y, x = COLD[0], COLD[1] + 2
    raw[y, x] = 1000 + (raw[y, x] - 1000) // 2


@pytest.fixture
def frames(bench):
    darks = planted(bench, bench.darks(10.0, 10.0, 10.0), heat)
    return darks, planted(bench, bench.flats(20e3, 21e3, 22e3), dim)


@pytest.fixture
def bias(bench):
    _, facts, _ = bench.build("bias", bench.biases(3))
    return bench.calibration("bias", facts)


@pytest.mark.parametrize("search", ["combined", "frames"])
def test_what_is_planted_is_marked_and_told(bench, frames, bias, search):
    darks, flats = frames
    product, facts, path = bench.build("defects", [*darks, *flats, bias], search=search)
    column = np.zeros(128, bool)
    column[:63] = True  # to the last defect
    assert product.mask[WARM] == HOT
    assert product.mask[COLD] == DEAD
    assert np.array_equal(product.mask[:, COLUMN] != 0, column)  # what blinks is filled
    assert np.count_nonzero(product.mask) == 2 + 63
    assert np.array_equal(product.data, product.mask != 0)
    assert (product.unit, facts.filter, {one.role for one in facts.inputs}) == ("", None, {"frames", "bias"})
    with fits.open(path, checksum=True) as file:
        boxes = [
            Region(Box(r["Y1"] - 1, r["Y2"], r["X1"] - 1, r["X2"]), int(r["BITS"]))
            for r in file["REGIONS"].data
        ]
        assert np.array_equal(mask_of(boxes, product.mask.shape), product.mask)
        assert set(file["REGIONS"].data["MEANING"]) == {"BAD", "BAD+HOT", "BAD+DEAD"}
        assert file["AMPLIFIERS"].data["PIXELS"].tolist() == [65, 0, 0, 0]
        searched = file["SEARCH"].data
    assert len(searched) == (8 if search == "combined" else 24)
    assert set(searched["REASON"]) == {""}
    of_darks = searched[(searched["TYPE"] == "dark") & (searched["AMP"] == "A00")]
    level = 3.0 if search == "combined" else 30.0
    assert of_darks["LEVEL"] == pytest.approx(level, rel=0.05)
    assert set(of_darks["UNIT"]) == {"electron/s" if search == "combined" else "electron"}


def test_a_mask_is_applied_to_later_frames_and_their_product_says_so(bench, frames, bias):
    darks, flats = frames
    defects, facts, _ = bench.build("defects", [*darks, *flats, bias])
    mask = bench.calibration("defects", facts)
    plain, _, _ = bench.build("flat", [*flats, bias])
    flat, told, path = bench.build("flat", [*flats, bias, mask])
    marked = defects.mask != 0
    assert (plain.defects, flat.defects) == (0, 65)
    assert (flat.mask[marked] & Mask.BAD).all()
    assert not flat.count[marked].any()
    assert np.array_equal(flat.count[~marked], plain.count[~marked])
    assert (plain.data[COLD], flat.data[COLD]) == (pytest.approx(0.5, abs=0.03), pytest.approx(1, abs=0.03))
    assert facts.product_id in told.calibrations
    header = fits.getheader(path)
    assert (header["DEFECTS"], header["DEFPROD"]) == (65, facts.product_id)
    off, told, _ = bench.build("flat", [*flats, bias, mask], defects=False)
    assert (off.defects, facts.product_id in told.calibrations) == (0, False)
    dark, _, _ = bench.build("dark", [*darks, bias, mask], unit="electron")
    assert dark.data[~marked].max() < 10


def test_limits_of_exposures_and_edges(bench, frames, bias):
    """vison's 50 ADU of a dark are reached by what is planted, not by 3 electrons/s for 10 s."""
    darks, _ = frames
    chosen = {"thresholds": "cosmetic", "edge": 2, "whole": 30}
    product, _, _ = bench.build("defects", [*darks, bias], **chosen)
    inner = product.mask[2:-2, 2:-2]
    assert np.count_nonzero(inner) == 1 + 62
    assert inner[WARM[0] - 2, WARM[1] - 2] == HOT
    assert (product.mask[:2] & Mask.EDGE).all()
    value, _, _ = bench.build("defects", [*darks, bias], thresholds="value", dark_e_per_s=20.0)
    assert value.mask[WARM] == HOT
    higher, _, _ = bench.build("defects", [*darks, bias], thresholds="value", dark_e_per_s=60.0)
    assert not higher.mask[WARM]


def test_few_frames_of_a_type_are_refused(bench, frames):
    darks, flats = frames
    with pytest.raises(RecipeRefused, match="2 flat frames, 3 are needed of a type"):
        bench.build("defects", [*darks, *flats[:2]])


@pytest.mark.parametrize("choice", [{}, {"search": "frames"}, {"overscan": "none"}])
def test_pixels_that_stand_far_above_a_bias_are_stuck_whatever_the_pedestal(bench, choice):
    def stick(raw):
        raw[WARM[0], WARM[1] + 2] += 1100
        raw[COLD[0], COLD[1] + 2] += 900

    product, facts, _ = bench.build("defects", planted(bench, bench.biases(3), stick), **choice)
    assert np.argwhere(product.mask).tolist() == [list(WARM)]
    assert product.mask[WARM] == HOT
    assert [one.role for one in facts.inputs] == ["frames"] * 3
