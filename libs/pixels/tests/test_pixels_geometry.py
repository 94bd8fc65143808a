"""Geometry validates itself and says which amplifier is wrong."""

import dataclasses

import pytest

from calibrant.pixels import MEANINGS, Amplifier, Box, Geometry, Mask


def amplifier(**changes) -> Amplifier:
    good = Amplifier(
        name="A",
        image=Box(0, 4, 1, 6),
        placed=Box(0, 4, 0, 5),
        flip_x=False,
        flip_y=False,
        serial_overscan=Box(0, 4, 6, 9),
        parallel_overscan=Box(4, 5, 1, 6),
        gain_e_per_adu=1.5,
        read_noise_e=3.0,
        saturation_adu=60000.0,
    )
    return dataclasses.replace(good, **changes)


def test_a_good_geometry_is_accepted():
    assert Geometry((5, 9), (4, 5), (amplifier(),)).amplifiers[0].image.shape == (4, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": Box(0, 4, 1, 10)}, "'A': image .* outside"),
        ({"image": Box(0, 0, 1, 6)}, "'A': image .* empty"),
        ({"image": Box(-1, 3, 1, 6)}, "'A': image"),
        ({"placed": Box(0, 4, 1, 6)}, "'A': placed .* outside"),
        ({"placed": Box(0, 4, 0, 4)}, "'A': image is .* but placed is"),
        ({"serial_overscan": Box(0, 4, 6, 10)}, "'A': serial_overscan"),
        ({"serial_overscan": Box(0, 4, 5, 8)}, "'A': serial_overscan .* overlaps its image"),
        ({"parallel_overscan": Box(4, 6, 1, 6)}, "'A': parallel_overscan"),
        ({"gain_e_per_adu": 0.0}, "'A': gain_e_per_adu"),
        ({"read_noise_e": float("nan")}, "'A': read_noise_e"),
        ({"saturation_adu": -1.0}, "'A': saturation_adu"),
    ],
)
def test_a_wrong_amplifier_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        Geometry((5, 9), (4, 5), (amplifier(**changes),))


def test_placed_boxes_tile_the_frame():
    left = amplifier(serial_overscan=None, parallel_overscan=None)
    with pytest.raises(ValueError, match="20 of the 4 x 10 assembled pixels"):
        Geometry((5, 20), (4, 10), (left,))
    twin = dataclasses.replace(left, name="B", image=Box(0, 4, 10, 15))
    with pytest.raises(ValueError, match=r"'A': placed .* overlaps that of amplifier 'B'"):
        Geometry((5, 20), (4, 10), (left, twin))
    right = dataclasses.replace(twin, placed=Box(0, 4, 5, 10))
    assert len(Geometry((5, 20), (4, 10), (left, right)).amplifiers) == 2
    with pytest.raises(ValueError, match=r"'A': the name is used twice"):
        Geometry((5, 20), (4, 10), (left, dataclasses.replace(right, name="A")))
    with pytest.raises(ValueError, match=r"'A': image .* overlaps that of amplifier 'B'"):
        Geometry((5, 20), (4, 10), (left, dataclasses.replace(right, image=Box(0, 4, 5, 10))))
    with pytest.raises(ValueError, match="no amplifiers"):
        Geometry((5, 20), (4, 10), ())


@pytest.mark.parametrize(
    ("flip_x", "flip_y", "box"),
    [
        (False, False, Box(10, 13, 20, 23)),
        (True, False, Box(10, 13, 27, 30)),
        (False, True, Box(15, 18, 20, 23)),
        (True, True, Box(15, 18, 27, 30)),
    ],
)
def test_the_corner_box_follows_the_flips(flip_x, flip_y, box):
    placed = amplifier(placed=Box(10, 18, 20, 30), flip_x=flip_x, flip_y=flip_y)
    assert placed.readout_corner == (flip_y, flip_x)
    assert placed.corner_box(3) == box
    assert placed.corner_box(200) == placed.placed


def test_every_mask_bit_has_a_meaning_and_a_place_of_its_own():
    assert set(MEANINGS) == set(Mask)
    assert all(MEANINGS.values())
    assert len({bit.value for bit in Mask}) == len(Mask)
    assert all(0 < bit < 2**32 and bit & (bit - 1) == 0 for bit in Mask)
    assert (Mask.BAD, Mask.SATURATED, Mask.COSMIC_RAY, Mask.NO_DATA, Mask.SUSPECT) == (1, 2, 4, 8, 16)
