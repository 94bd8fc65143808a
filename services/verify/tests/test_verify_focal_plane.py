"""Where detectors and amplifiers go in a mosaic: where they sit, turned as they are mounted; by number where nothing tells."""

import pytest

from calibrant.frames.instrument import Position, load_instrument
from calibrant.verify.measuring.artifacts import amplifiers_of
from calibrant.verify.page.focal_plane import GAP, Tile, laid_out


def middles(layout):
    """Return the middle of each amplifier, by detector and name, from the lower left corner."""
    found = {one.place: one.at(0.5, 0.5) for one in layout.patches}
    left, bottom = (min(one[axis] for one in found.values()) for axis in (0, 1))
    return {place: pytest.approx((x - left, y - bottom)) for place, (x, y) in found.items()}


def tiles(instrument, *, placed=True):
    return [
        Tile(one.id, one.name, amplifiers_of(one.geometry()), one.position if placed else None)
        for one in load_instrument(instrument).detectors
    ]


def test_detectors_are_where_they_sit_and_those_upside_down_are_turned():
    found = middles(laid_out(tiles("simcam-raft")))
    across, down = 1 + GAP, 1 + 2 * GAP
    for number in range(9):
        row, column = divmod(number, 3)
        for name in ("A00", "A01", "A10", "A11"):
            up, right = int(name[1]), int(name[2])
            if row == 1:
                up, right = 1 - up, 1 - right
            assert found[number, name] == (column * across + right / 2, row * down + up / 2)


def test_a_quarter_turn_is_anticlockwise():
    (detector,) = tiles("simcam-raft")[:1]
    turned = Tile(0, "S", detector.amplifiers, Position(column=0, row=0, turned_deg=90))
    found = middles(laid_out([turned]))
    assert [found[0, name] for name in ("A00", "A01", "A11", "A10")] == [
        (0.5, 0),
        (0.5, 0.5),
        (0, 0.5),
        (0, 0),
    ]


def test_a_flat_detector_that_is_mounted_upright_is_drawn_so():
    flat = amplifiers_of(load_instrument("kast-blue").geometry(0))
    lying, upright = (
        laid_out([Tile(0, "S", flat, Position(column=0, row=0, turned_deg=turned))]) for turned in (0, 90)
    )
    assert lying.width > lying.height
    assert upright.width < upright.height
    assert middles(upright)[0, "A1"] == (0, 0)


def test_without_positions_detectors_go_by_number_row_by_row_from_the_top():
    layout = laid_out(tiles("simcam-raft", placed=False))
    places = [(one.y, -one.x) for one in layout.labels]
    assert places == sorted(places, reverse=True)
    assert len({one.y for one in layout.labels}) > 1


def test_names_and_amplifiers_are_inside_the_picture():
    for layout in (laid_out(tiles("simcam-raft")), laid_out(tiles("simcam-raft", placed=False))):
        corners = [corner for one in layout.patches for corner in one.corners]
        corners += [(one.x, one.y) for one in layout.labels]
        assert all(0 <= x <= layout.width and -layout.height <= y <= 0 for x, y in corners)
