"""Defects: what is planted is found and nothing else is; columns, votes and regions against plain counts."""

import numpy as np
import pytest

from calibrant.pixels import Amplifier, Box, Geometry, Mask
from calibrant.pixels.defects import (
    Cosmetic,
    Filling,
    Region,
    Search,
    Searched,
    Sigmas,
    Unsearched,
    Values,
    Vampires,
    Votes,
    any_of,
    beside_saturated,
    count_defects,
    edges,
    fill_columns,
    find_defects,
    find_vampires,
    levelled,
    mask_of,
    regions_of,
)

NY, NX, GAIN = 200, 160, 2.0
LEFT, RIGHT = Box(0, NY, 0, 80), Box(0, NY, 80, NX)


def detector(ny=NY, nx=NX):
    """Make two amplifiers beside one another."""
    boxes = ("L", Box(0, ny, 0, nx // 2)), ("R", Box(0, ny, nx // 2, nx))
    made = [Amplifier(n, b, b, False, False, None, None, GAIN, 5.0, None) for n, b in boxes]
    return Geometry((ny, nx), (ny, nx), tuple(made))


GEOMETRY = detector()


def noise(level, sigma, seed=1):
    """Make an image whose amplifiers have levels of their own."""
    image = np.random.default_rng(seed).normal(level, sigma, (NY, NX))
    image[RIGHT.slices] *= 1.3
    return image.astype(np.float32)


def places(mask, bits):
    """List the pixels that have exactly these bits."""
    return {tuple(place) for place in np.argwhere(mask == bits).tolist()}


HOT, DEAD = Mask.BAD | Mask.HOT, Mask.BAD | Mask.DEAD
PLANTED = {(5, 7), (100, 30), (60, 120)}


@pytest.mark.parametrize(
    ("kind", "level", "planted", "bits"),
    [("dark", 0.1, 2.0, HOT), ("flat", 1000.0, 500.0, DEAD), ("flat", 1000.0, 1800.0, Mask.BAD)],
)
def test_what_is_planted_is_found_and_hot_pixels_hide_no_other(kind, level, planted, bits):
    """A tenth of the columns is ten times as bright: a standard deviation that is not clipped would find nothing."""
    sigma = 0.02 * level
    image = noise(level, sigma)
    image[:, 40:44] = level * 400
    for place in PLANTED:
        image[place] = planted
    found = find_defects(Searched(kind, image), GEOMETRY)
    bright = places(found.mask, HOT if kind == "dark" else Mask.BAD)
    assert bright >= {(y, x) for y in range(NY) for x in range(40, 44)}
    assert places(found.mask, bits) - {p for p in bright if 40 <= p[1] < 44} == PLANTED
    left = found.amplifiers["L"]
    assert left.level == pytest.approx(level, rel=2e-3)
    assert left.spread == pytest.approx(sigma, rel=0.05)  # 3 sigma of a normal distribution take 1.4 % of it
    assert (left.n_bright + left.n_cold, left.reason) == (800 + 2, None)


@pytest.mark.parametrize(
    ("rule", "image", "value", "marked"),
    [
        (Values(), Searched("dark", noise(0, 0.1)), 5.0, False),
        (Values(), Searched("dark", noise(0, 0.1)), 5.1, True),
        (Values(), Searched("dark", noise(0, 0.1), unit="adu"), 2.6, True),  # 5 electrons are 2.5 ADU
        (Values(), Searched("dark", noise(0, 0.1), dark_time_s=10.0), 49.0, False),
        (Values(), Searched("bias", noise(0, 5)), 1999.0, False),
        (Values(), Searched("bias", noise(0, 5), unit="adu"), 1001.0, True),
        (Values(), Searched("flat", noise(100, 1)), 79.0, True),
        (Values(), Searched("flat", noise(100, 1)), 1000.0, False),
        (Cosmetic(), Searched("dark", noise(0, 1), unit="adu", dark_time_s=9.0), 51.0, True),
        (Cosmetic(), Searched("dark", noise(0, 1), dark_time_s=9.0), 99.0, False),
        (Cosmetic(), Searched("flat", noise(100, 1)), 49.0, True),
        (Cosmetic(), Searched("flat", noise(100, 1)), 151.0, True),
    ],
)
def test_fixed_values_are_in_the_unit_that_the_image_has(rule, image, value, marked):
    image.data[11, 12] = value
    found = find_defects(image, GEOMETRY, Search(rule))
    assert bool(found.mask[11, 12]) is marked
    assert np.count_nonzero(found.mask) == marked


def test_an_amplifier_that_cannot_be_searched_says_why_and_the_other_is_searched():
    for kind, spoilt, reason in [
        ("dark", np.nan, Unsearched.NO_GOOD_PIXEL),
        ("dark", 3.0, Unsearched.NO_SPREAD),
        ("flat", -1.0, Unsearched.NO_LIGHT),
    ]:
        image = noise(100, 1)
        image[LEFT.slices] = spoilt
        image[50, 100] = 1000
        found = find_defects(Searched(kind, image), GEOMETRY)
        assert (found.amplifiers["L"].reason, found.amplifiers["R"].reason) == (reason, None)
        lost = found.mask[LEFT.slices]
        assert (lost == (Mask.BAD if np.isnan(spoilt) else 0)).all()
        assert found.mask[50, 100] & Mask.BAD
    bias = find_defects(Searched("bias", noise(0, 1)), GEOMETRY, Search(Sigmas()))
    assert {one.reason for one in bias.amplifiers.values()} == {Unsearched.NOT_BY_THIS_RULE}


def test_neither_the_border_nor_unusable_pixels_are_looked_at_but_lost_ones_are_defects():
    image, mask = noise(0, 1), np.zeros((NY, NX), np.uint32)
    image[1, 50] = image[100, 50] = image[120, 50] = 1e4
    image[60, 60] = np.nan
    mask[100, 50], mask[70, 70] = Mask.COSMIC_RAY, Mask.NO_DATA
    found = find_defects(Searched("dark", image, mask), GEOMETRY, Search(border=2))
    assert places(found.mask, HOT) == {(120, 50)}
    assert places(found.mask, Mask.BAD) == {(60, 60), (70, 70)}


def test_a_slope_of_light_is_no_scatter():
    """Vignetting of half of the light would hide a pixel that has lost a tenth of its own."""
    y, x = np.mgrid[:NY, :NX]
    image = noise(1000, 5)
    image[RIGHT.slices] /= 1.3
    image *= 1 - 0.25 * ((y - 100) ** 2 + (x - 80) ** 2) / 16400
    image[150, 20] *= 0.9
    assert not find_defects(Searched("flat", image), GEOMETRY).mask.any()
    assert places(find_defects(Searched("flat", image), GEOMETRY, Search(cell=20)).mask, DEAD) == {(150, 20)}
    ramp = 100.0 + 2 * y + 3 * x  # a plane is taken out wholly
    assert levelled(ramp, 20) == pytest.approx(np.full(ramp.shape, np.median(ramp)), rel=1e-12)


def test_a_vampire_is_a_core_with_a_rim_and_a_bright_pixel_is_none():
    flat = noise(1000, 5)
    flat[98:103, 48:53] *= 1.4
    flat[99:102, 49:52] *= 0.3
    flat[20, 20] *= 1.5
    flat[150, 150] *= 0.5
    found = find_vampires(flat, None, GEOMETRY)
    assert places(found, DEAD) == {(y, x) for y in (99, 100, 101) for x in (49, 50, 51)}
    assert np.count_nonzero(found) == 25
    assert not find_vampires(flat, None, GEOMETRY, Vampires(least=17)).any()
    assert not find_vampires(-flat, None, GEOMETRY).any()


def test_columns_that_blink_are_filled_and_bad_ones_become_whole():
    """50 defects make a column blink; 29 good pixels between two are filled, 30 are kept."""
    mask = np.zeros((NY, NX), np.uint32)
    mask[0:49, 10] = Mask.HOT
    mask[0:49, 90] = Mask.HOT
    mask[49 + 29, 90] = mask[49 + 29 + 31, 90] = Mask.DEAD
    filled = fill_columns(mask, GEOMETRY)
    assert np.array_equal(filled[:, 10], mask[:, 10])
    assert set(np.flatnonzero(filled[:, 90])) == set(range(79)) | {109}
    assert np.array_equal(filled[mask != 0], mask[mask != 0])
    whole = fill_columns(mask, GEOMETRY, Filling(whole=50))
    assert (whole != 0).sum(axis=0).tolist() == [49 if x == 10 else NY if x == 90 else 0 for x in range(NX)]


def test_what_is_beside_saturated_columns_and_at_the_edges():
    mask = np.zeros((NY, NX), np.uint32)
    mask[30:40, 0] = mask[30:40, 100] = Mask.SATURATED
    near = beside_saturated(mask, 2)
    assert {x for _, x in places(near, Mask.BAD)} == {1, 2, 98, 99, 101, 102}
    assert {y for y, _ in places(near, Mask.BAD | Mask.SATURATED)} == set(range(30, 40))
    assert not beside_saturated(mask, 0).any()
    framed = edges((NY, NX))
    assert np.count_nonzero(framed) == NY * NX - (NY - 10) * (NX - 10)
    assert not edges((NY, NX), 0).any()


@pytest.mark.parametrize(
    ("fraction", "least"), [(0.7, 7), (0.71, 8), (1.0, 10), (0.05, 1)], ids=["0.7", "0.71", "AND", "OR"]
)
def test_a_pixel_is_a_defect_where_enough_images_say_so(fraction, least):
    votes = Votes((1, 11))
    for image in range(10):
        votes.add(np.array([[Mask.HOT if pixel > image else 0 for pixel in range(11)]], np.uint32))
    assert places(votes.merged(fraction), Mask.HOT) == {(0, pixel) for pixel in range(least, 11)}


def test_types_and_lists_are_joined_with_all_their_bits():
    one, other = np.zeros((2, 3, 4), np.uint32)
    one[1, 1], other[1, 1], other[2, 2] = HOT, DEAD, Mask.BAD
    joined = any_of([one, other], (3, 4))
    assert (joined[1, 1], joined[2, 2], np.count_nonzero(joined)) == (HOT | DEAD, Mask.BAD, 2)


def test_columns_and_pixels_are_counted_by_amplifier():
    mask = np.zeros((NY, NX), np.uint32)
    mask[10:30, 5], mask[10:29, 6], mask[0:100, 150], mask[3, 100] = HOT, HOT, DEAD, Mask.BAD
    found = count_defects(mask, GEOMETRY)
    left, right = found["L"], found["R"]
    assert (left.pixels, left.hot, left.bright_columns, left.dark_columns) == (39, 39, 1, 0)
    assert (right.pixels, right.dead, right.bright_columns, right.dark_columns) == (101, 100, 0, 1)
    assert right.fraction == 101 / RIGHT.area


def test_a_mask_becomes_regions_and_a_mask_again():
    rng = np.random.default_rng(3)
    mask = np.where(rng.random((40, 30)) < 0.3, rng.integers(1, 5, (40, 30)), 0).astype(np.uint32)
    mask[:, 7] = HOT
    mask[5:9, 12:20] = DEAD
    regions = regions_of(mask)
    assert np.array_equal(mask_of(regions, mask.shape), mask)
    assert sum(region.box.area for region in regions) == np.count_nonzero(mask)
    assert Region(Box(0, 40, 7, 8), HOT) in regions
    assert Region(Box(5, 9, 12, 20), DEAD) in regions
    assert regions_of(np.zeros((4, 4), np.uint32)) == ()
    assert regions_of(np.full((4, 5), HOT, np.uint32)) == (Region(Box(0, 4, 0, 5), HOT),)


SMALL = np.zeros((3, 3), np.uint32)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Sigmas(bright=-1), "bright: -1, must be a positive number"),
        (lambda: Values(flat_fraction=float("nan")), "flat_fraction: nan"),
        (lambda: Cosmetic(flat_low=2.0), "flat_low: 2.0, must be below flat_high 1.5"),
        (lambda: Search(border=-1), "border: -1 pixels"),
        (lambda: Search(cell=1), "cell: 1 pixels, must be 0 or at least 2"),
        (lambda: Filling(gap=0), "gap: 0 pixels"),
        (lambda: Vampires(core=1.1), "core 1.1 must be below 1"),
        (lambda: Vampires(reach=0), "reach 0 must be at least 1"),
        (lambda: Votes((3, 3)).merged(), "no mask to merge"),
        (lambda: Votes((3, 3)).merged(0), "fraction: 0, must be above 0"),
        (lambda: Votes((3, 4)).add(SMALL), r"shape \(3, 3\), but the others are \(3, 4\)"),
        (lambda: any_of([SMALL], (4, 4)), r"the detector has \(4, 4\)"),
        (lambda: beside_saturated(SMALL, -1), "radius: -1 columns"),
        (lambda: edges((3, 3), -1), "width: -1 pixels"),
        (lambda: levelled(SMALL, 1), "cell: 1 pixels"),
        (lambda: fill_columns(SMALL, GEOMETRY), r"shape \(3, 3\), but the geometry says"),
        (lambda: find_vampires(SMALL, None, GEOMETRY), r"shape \(3, 3\), but the geometry says"),
        (lambda: find_defects(Searched("dark", SMALL), GEOMETRY), r"data: shape \(3, 3\)"),
        (lambda: mask_of([Region(Box(0, 9, 0, 1), 1)], (3, 3)), r"region 0: \(0, 9, 0, 1\)"),
        (lambda: mask_of([Region(Box(0, 1, 0, 1), 0)], (3, 3)), "region 0: bits 0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
