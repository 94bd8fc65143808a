"""Where detectors and amplifiers go in a picture of the focal plane. Must not know figures or what is drawn there.

Lengths are in widths of a detector; the upper left corner is (0, 0), and heights are below it, negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibrant.frames.instrument import Position
from calibrant.verify.page.metrics import Place
from calibrant.verify.reports import AmplifierRecord

GAP: Final = 0.12
"""Between detectors side by side; twice that between rows, where the names stand."""
FLATTEST: Final = 0.22
"""Height over width that a detector is drawn with at least; its inverse at most."""
WANTED_SHAPE: Final = 1.6
"""Width over height of the whole, as a page asks for, where detectors lie by number."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A detector: its number, name and amplifiers, and where it sits, if that is told."""

    number: int
    name: str
    amplifiers: tuple[AmplifierRecord, ...]
    position: Position | None = None

    @property
    def turns(self) -> int:
        """Quarter turns anticlockwise that it is mounted with."""
        return 0 if self.position is None else self.position.turned_deg // 90

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as it is drawn: not too flat and not too narrow to be seen; one that lies is turned."""
        real = max(one.y1 for one in self.amplifiers) / max(one.x1 for one in self.amplifiers)
        tall = min(max(real, FLATTEST), 1 / FLATTEST)
        return (tall, 1.0) if self.turns % 2 else (1.0, tall)


@dataclass(frozen=True, slots=True)
class Patch:
    """An amplifier in the picture."""

    place: Place
    left: float
    bottom: float
    width: float
    height: float

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Its four corners."""
        return [self.at(*corner) for corner in ((0, 0), (1, 0), (1, 1), (0, 1))]

    def at(self, across: float, up: float) -> tuple[float, float]:
        """Return a point of it: (0, 0) is its lower left corner, (1, 1) the upper right one."""
        return self.left + across * self.width, self.bottom + up * self.height


@dataclass(frozen=True, slots=True)
class Label:
    """Where a detector's name stands: the middle of its line, above the detector."""

    tile: Tile
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture.

    Parameters
    ----------
    width, height : float
        Of all.
    columns : float
        How many detectors lie side by side.
    patches : list of Patch
        The amplifiers.
    labels : list of Label
        The names.
    """

    width: float
    height: float
    columns: float
    patches: list[Patch]
    labels: list[Label]


def placed(tiles: Sequence[Tile]) -> bool:
    """Tell whether the instrument says where all these detectors sit."""
    return all(tile.position is not None for tile in tiles)


def laid_out(tiles: Sequence[Tile]) -> Layout:
    """Say where everything goes: each detector where it sits; by number, row by row from the top, where nothing tells.

    Parameters
    ----------
    tiles : sequence of Tile
        At least one, in order of their numbers.
    """
    wide, tall = (max(one.size[axis] for one in tiles) for axis in (0, 1))
    across, down = wide + GAP, tall + 2 * GAP
    places = _places(tiles, across / down)
    columns, rows = (max(one[axis] for one in places) + 1 for axis in (0, 1))
    patches, labels = [], []
    for tile, (column, row) in zip(tiles, places, strict=True):
        width, height = tile.size
        left = column * across + (wide - width) / 2
        top = -row * down - 1.4 * GAP - (tall - height) / 2
        patches += [_patch(tile, one, left, top - height) for one in tile.amplifiers]
        labels.append(Label(tile, left + width / 2, top + 0.02))
    return Layout(columns * across, rows * down, columns, patches, labels)


def _places(tiles: Sequence[Tile], shape: float) -> list[tuple[float, float]]:
    """Return columns from the left and rows from the top, by tile."""
    known = [tile.position for tile in tiles if tile.position is not None]
    if len(known) == len(tiles):
        left, top = min(one.column for one in known), max(one.row for one in known)
        return [(one.column - left, top - one.row) for one in known]
    columns = _columns(len(tiles), shape)
    return [(index % columns, index // columns) for index in range(len(tiles))]


def _columns(count: int, shape: float) -> int:
    """Give the number of columns that makes the whole about as wide as a page asks for."""
    shapes = {columns: columns * shape / -(-count // columns) for columns in range(1, count + 1)}
    return min(shapes, key=lambda columns: (abs(np.log(shapes[columns] / WANTED_SHAPE)), columns))


def _patch(tile: Tile, amplifier: AmplifierRecord, left: float, bottom: float) -> Patch:
    """Return an amplifier's place, in a detector whose lower left corner is given."""
    rows, columns = max(one.y1 for one in tile.amplifiers), max(one.x1 for one in tile.amplifiers)
    box = (amplifier.x0 / columns, amplifier.y0 / rows, amplifier.x1 / columns, amplifier.y1 / rows)
    for _ in range(tile.turns):
        box = (1 - box[3], box[0], 1 - box[1], box[2])
    width, height = tile.size
    return Patch(
        place=(tile.number, amplifier.name),
        left=left + box[0] * width,
        bottom=bottom + box[1] * height,
        width=(box[2] - box[0]) * width,
        height=(box[3] - box[1]) * height,
    )
