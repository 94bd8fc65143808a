"""Where the pixels of a detector are: amplifiers, overscans, and how they are assembled.

It owns plain numbers and their consistency; it must not know instruments' names, files or headers.
Boxes are 0-based and half-open, in (row, column) order of the array.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

ReadoutCorner = tuple[bool, bool]


class Box(NamedTuple):
    """A rectangle of pixels: rows ``y0 <= y < y1``, columns ``x0 <= x < x1``."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of an (ny, nx) array that takes this box out of it."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the box."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def area(self) -> int:
        """Number of pixels in the box."""
        return self.shape[0] * self.shape[1]

    def inside(self, shape: tuple[int, int]) -> bool:
        """Say whether the box is not empty and lies in a frame of this shape (rows, columns)."""
        return 0 <= self.y0 < self.y1 <= shape[0] and 0 <= self.x0 < self.x1 <= shape[1]

    def overlaps(self, other: "Box") -> bool:
        """Say whether the two boxes share a pixel."""
        return self.y0 < other.y1 and other.y0 < self.y1 and self.x0 < other.x1 and other.x0 < self.x1


@dataclass(frozen=True)
class Amplifier:
    """One readout channel of a detector.

    Parameters
    ----------
    name
        Unique in its detector.
    image
        Light-sensitive pixels in the raw frame.
    placed
        The same pixels in the trimmed, assembled frame; of the same shape as `image`.
    flip_x, flip_y
        Whether columns or rows are reversed on the way from `image` to `placed`.
    serial_overscan, parallel_overscan
        Overscan regions in the raw frame, or None.
    gain_e_per_adu
        Gain in electrons per ADU, positive.
    read_noise_e
        Read noise in electrons, not negative.
    saturation_adu
        Raw level (pedestal included) from which pixels count as saturated, in ADU; None: never.
    prescan
        Pixels of each row that are read before its image.
    image_reversed
        Columns of `image` are stored against the order of reading: the last one was read first.
    overscan_reversed
        Columns of the serial overscan are: the one read first is the farthest from the image.
    overscan_apart
        The serial overscan is read right behind the image, but is stored somewhere else.
    """

    name: str
    image: Box
    placed: Box
    flip_x: bool
    flip_y: bool
    serial_overscan: Box | None
    parallel_overscan: Box | None
    gain_e_per_adu: float
    read_noise_e: float
    saturation_adu: float | None
    prescan: int = 0
    image_reversed: bool = False
    overscan_reversed: bool = False
    overscan_apart: bool = False

    @property
    def readout_corner(self) -> ReadoutCorner:
        """Corner of `placed` that was read first, as (at the last row, at the last column).

        In the raw frame that is the pixel at ``(image.y0, image.x0)``, or the last one of that row where the image is
        stored reversed; the flips carry it elsewhere.
        """
        return self.flip_y, self.flip_x is not self.image_reversed

    def in_readout_order(self, part: NDArray[Any]) -> NDArray[Any]:
        """Give a view of rows of the amplifier, cut from the assembled frame, the pixel read first first; or back again.

        Parameters
        ----------
        part
            (rows, columns of the amplifier): all its rows or some that follow one another.
        """
        at_last_row, at_last_column = self.readout_corner
        return part[:: -1 if at_last_row else 1, :: -1 if at_last_column else 1]

    def read_image(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Give a view of the image in a raw frame, the column read first first."""
        return raw[self.image.slices][:, :: -1 if self.image_reversed else 1]

    def read_overscan(self, raw: NDArray[Any]) -> NDArray[Any] | None:
        """Give a view of the serial overscan in a raw frame, the column read first first; None: it has none."""
        box = self.serial_overscan
        if box is None:
            return None
        falling = (box.x0 >= self.image.x1) is self.overscan_reversed
        return raw[box.slices][:, :: -1 if falling else 1]

    def corner_box(self, size: int = 200) -> Box:
        """Give the square of `size` pixels at the readout corner, in the assembled frame.

        It is cut to the amplifier where that is smaller.
        """
        rows, columns = (min(size, extent) for extent in self.placed.shape)
        at_last_row, at_last_column = self.readout_corner
        y0 = self.placed.y1 - rows if at_last_row else self.placed.y0
        x0 = self.placed.x1 - columns if at_last_column else self.placed.x0
        return Box(y0, y0 + rows, x0, x0 + columns)


@dataclass(frozen=True)
class Geometry:
    """A detector: the shapes of its raw and assembled frames, and its amplifiers.

    Parameters
    ----------
    raw_shape
        Rows and columns of the raw frame.
    shape
        Rows and columns of the trimmed, assembled frame.
    amplifiers
        Together their `placed` boxes cover the assembled frame, each pixel once.

    Raises
    ------
    ValueError
        When a box is empty or outside, boxes overlap, pixels are left over, or a number makes no sense;
        the message names the amplifier and the field.
    """

    raw_shape: tuple[int, int]
    shape: tuple[int, int]
    amplifiers: tuple[Amplifier, ...]

    def __post_init__(self) -> None:
        if not self.amplifiers:
            raise ValueError("geometry: no amplifiers; give at least one")
        for amplifier in self.amplifiers:
            _check_numbers(amplifier)
            _check_boxes(amplifier, self.raw_shape, self.shape)
        for one, other in itertools.combinations(self.amplifiers, 2):
            _check_pair(one, other)
        placed = sum(amplifier.placed.area for amplifier in self.amplifiers)
        left_over = self.shape[0] * self.shape[1] - placed
        if left_over:
            raise ValueError(
                f"geometry: {left_over} of the {self.shape[0]} x {self.shape[1]} assembled pixels belong to no "
                "amplifier; let the placed boxes cover the whole frame"
            )


def _check_numbers(amplifier: Amplifier) -> None:
    name = amplifier.name
    if not (math.isfinite(amplifier.gain_e_per_adu) and amplifier.gain_e_per_adu > 0):
        raise ValueError(
            f"amplifier {name!r}: gain_e_per_adu is {amplifier.gain_e_per_adu}, must be positive"
        )
    if not (math.isfinite(amplifier.read_noise_e) and amplifier.read_noise_e >= 0):
        raise ValueError(
            f"amplifier {name!r}: read_noise_e is {amplifier.read_noise_e}, must not be negative"
        )
    if amplifier.saturation_adu is not None and not amplifier.saturation_adu > 0:
        raise ValueError(
            f"amplifier {name!r}: saturation_adu is {amplifier.saturation_adu}, must be positive or None"
        )


def _check_boxes(amplifier: Amplifier, raw_shape: tuple[int, int], shape: tuple[int, int]) -> None:
    name = amplifier.name
    overscans = {
        "serial_overscan": amplifier.serial_overscan,
        "parallel_overscan": amplifier.parallel_overscan,
    }
    for field, box, frame in [
        ("image", amplifier.image, raw_shape),
        ("placed", amplifier.placed, shape),
        *((field, box, raw_shape) for field, box in overscans.items() if box is not None),
    ]:
        if not box.inside(frame):
            raise ValueError(
                f"amplifier {name!r}: {field} {tuple(box)} (y0, y1, x0, x1) is empty or outside the frame {frame}"
            )
    if amplifier.image.shape != amplifier.placed.shape:
        raise ValueError(
            f"amplifier {name!r}: image is {amplifier.image.shape} but placed is {amplifier.placed.shape}; "
            "they must have the same shape"
        )
    for field, region in overscans.items():
        if region is not None and region.overlaps(amplifier.image):
            raise ValueError(f"amplifier {name!r}: {field} {tuple(region)} overlaps its image")


def _check_pair(one: Amplifier, other: Amplifier) -> None:
    if one.name == other.name:
        raise ValueError(f"amplifier {one.name!r}: the name is used twice; names must be unique")
    for field in ("image", "placed"):
        first: Box = getattr(one, field)
        second: Box = getattr(other, field)
        if first.overlaps(second):
            raise ValueError(
                f"amplifier {one.name!r}: {field} {tuple(first)} overlaps that of amplifier "
                f"{other.name!r} {tuple(second)}"
            )
