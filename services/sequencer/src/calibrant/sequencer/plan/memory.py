"""How much memory a job is allowed, by what the plan knows: sizes, and how many images. Knows no recipe's insides.

It is an upper estimate, for a limit: what stays below it is well, what passes it is stopped before it takes the
machine with it. What was measured for it is in ``docs/operations.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from calibrant.frames.instrument import Instrument
from calibrant.pixels.memory import PASS_BYTES, WHOLE_BYTES

BASE_BYTES = 512 * 2**20
"""What does not grow with a detector: libraries, and threads, of which there are no more than half of a limit holds."""

PIXEL_BYTES = 24
"""A pixel of an image with variance and mask, 20 bytes, and what is made of it on the way."""

FILE_PIXEL_BYTES = 8
"""A pixel of an unpacked file, at its widest."""

OWN_IMAGES = 2
"""Images that a job holds beside those it is given: its result, and what it works in."""

BAND_ROWS = 64
"""Rows that a combine job has of each frame at once: a band for two threads, with what cosmic rays are searched in."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the images of an instrument take.

    Parameters
    ----------
    shapes : mapping of int to (int, int)
        Rows and columns of a raw frame, by detector.
    file_bytes : int
        Largest unpacked file, in bytes.
    scale : float
        Factor of every estimate; 0: no limits.
    """

    shapes: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    file_bytes: int = 0
    scale: float = 1.0

    def allowed_bytes(self, detector: int, images: int, frames: int = 0, *, whole: bool = False) -> int:
        """Return the most that a job may allocate, in bytes; 0, no limit, for an unknown detector.

        Parameters
        ----------
        detector : int
            Its detector.
        images : int
            How many images of it are given to the job and in memory at once.
        frames : int
            How many frames it has a band of rows of at once.
        whole : bool
            Whether frames are corrected as a whole, and held: with barriers that look at all of a frame.
        """
        if detector not in self.shapes:  # the worker refuses the job, and says why
            return 0
        rows, columns = self.shapes[detector]
        pixels = rows * columns * (images + OWN_IMAGES) + frames * columns * BAND_ROWS
        held = rows * columns * (WHOLE_BYTES * frames + 2 * PASS_BYTES) if whole else 0
        return round(self.scale * (BASE_BYTES + self.file_bytes + PIXEL_BYTES * pixels + held))


def footprint_of(instrument: Instrument, scale: float) -> Footprint:
    """Return what the images of an instrument take."""
    shapes = {each.id: each.raw_shape for each in instrument.detectors}
    pixels = [rows * columns for rows, columns in shapes.values()]
    together = instrument.files.hdus == "extension-per-detector"
    return Footprint(shapes, FILE_PIXEL_BYTES * (sum(pixels) if together else max(pixels)), scale)
