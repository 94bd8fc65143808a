"""Owns reading a raw file whole, into checked frames in memory. Must not know who asks or why."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.instrument import Instrument
from calibrant.frames.reading.hdus import Scalar
from calibrant.frames.reading.identity import content_hashes, frame_id
from calibrant.frames.reading.keeping import in_memory
from calibrant.frames.reading.opening import OpenFrame, opened_frames
from calibrant.frames.reading.translation import HeaderFacts


@dataclass(frozen=True, eq=False, slots=True)
class RawFrame:
    """One detector of one exposure, as read and checked.

    Parameters
    ----------
    frame_id : str
        Identity: hash of content, and detector.
    detector : int
        Detector number.
    facts : HeaderFacts
        What the header tells.
    header : dict
        Every card that could be understood, by keyword: the primary header's, overridden by the image's own;
        without those that only say how the data are stored.
    array : ndarray
        Pixels, of the detector's raw shape (rows, columns), native byte order, in ADU.
    content_sha256 : str
        Hash of pixels and cards, whatever the file's name and compression.
    pixels_sha256 : str or None
        Hash of the pixels alone, whatever the cards; None where all are equal, as those of many frames may be.
    ignored : tuple of str
        Cards that could not be understood and are not needed, in words.
    """

    frame_id: str
    detector: int
    facts: HeaderFacts
    header: dict[str, Scalar]
    array: NDArray[Any]
    content_sha256: str
    pixels_sha256: str | None
    ignored: tuple[str, ...]


def read_frames(path: Path, instrument: Instrument, file_name: str | None = None) -> list[RawFrame]:
    """Read a raw file: FITS, plain, gzipped or tile-compressed.

    Parameters
    ----------
    path : Path
        The file.
    instrument : Instrument
        Whose file it is said to be.
    file_name : str, optional
        The file's name as people know it, where it is stored under another.

    Returns
    -------
    list of RawFrame
        One for each detector in the file, in the order of the instrument.

    Raises
    ------
    FrameRejected
        With its reason; the message names the file and the card, HDU or offset, and says what to do.
    """
    name = Path(file_name or path.name).name
    with ExitStack() as opened:
        return [_read(frame) for frame in opened_frames(path, instrument, name, in_memory, opened)]


def _read(frame: OpenFrame) -> RawFrame:
    array, row = np.empty(frame.stored.shape, frame.value_type), 0
    for band in frame.bands():
        array[row : row + len(band)] = band
        row += len(band)
    found = content_hashes(array.dtype, array.shape, [array], frame.header)
    return RawFrame(
        frame_id=frame_id(found.content, frame.detector),
        detector=frame.detector,
        facts=frame.facts,
        header=frame.header,
        array=array,
        content_sha256=found.content,
        pixels_sha256=None if _all_equal(array) else found.pixels,
        ignored=frame.ignored,
    )


def _all_equal(array: NDArray[Any]) -> bool:
    """Tell whether all pixels have one value; the first row tells of nearly every frame that they have not."""
    return bool((array[0] == array[0, 0]).all() and (array == array[0, 0]).all())
