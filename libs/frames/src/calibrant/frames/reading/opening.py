"""Owns frames whose pixels stay in their file: headers read and checked, rows on request. Must not know who asks."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.instrument import Detector, Instrument
from calibrant.frames.reading.container import open_content
from calibrant.frames.reading.hdus import Hdu, Scalar
from calibrant.frames.reading.identity import content_hashes
from calibrant.frames.reading.keeping import Keep, in_folder
from calibrant.frames.reading.layout import RawFile, images_of, size_limit
from calibrant.frames.reading.rejection import FrameRejected
from calibrant.frames.reading.rows import HeldRows, NamedRows, PlainRows, ScaledRows, TileRows, stored_rows
from calibrant.frames.reading.translation import HeaderFacts, translate

_BAND_PIXELS: Final = 1 << 18


@dataclass(frozen=True, eq=False, slots=True)
class OpenFrame:
    """One detector of one exposure: its headers read and checked, its pixels in the file.

    Parameters
    ----------
    file_name : str
        Name of the file, as people know it.
    detector : int
        Detector number.
    facts : HeaderFacts
        What the header tells.
    header : dict
        See `RawFrame`.
    ignored : tuple of str
        See `RawFrame`.
    stored : PlainRows, TileRows or HeldRows
        The numbers of its pixels.
    """

    file_name: str
    detector: int
    facts: HeaderFacts
    header: dict[str, Scalar]
    ignored: tuple[str, ...]
    stored: PlainRows | TileRows | HeldRows

    @property
    def rows(self) -> NamedRows:
        """Its pixels in ADU, of the detector's raw shape, as the pixel engine reads them."""
        offset = self.stored.encoding.offset
        return NamedRows(self.file_name, self.stored if offset is not None else ScaledRows(self.stored))

    @property
    def value_type(self) -> np.dtype[Any]:
        """Type of the pixels in `bands`, native."""
        return self.stored.encoding.value_type

    def bands(self) -> Iterator[NDArray[Any]]:
        """Yield the pixels as `RawFrame.array` has them, a band of rows at a time, in order.

        Raises
        ------
        FrameRejected
            Rows cannot be had, or pixels have no value; the message names file, HDU and row.
        """
        (rows, columns), encoding = self.stored.shape, self.stored.encoding
        step = max(1, _BAND_PIXELS // columns)
        try:
            for first in range(0, rows, step):
                stored = np.empty((min(step, rows - first), columns), self.stored.dtype)
                self.stored.read_rows(first, first + len(stored), stored)
                values = encoding.values(stored)
                encoding.check_finite(values, first)
                yield values
        except FrameRejected as refusal:
            raise refusal.in_file(self.file_name) from refusal

    def held(self) -> "OpenFrame":
        """Return the same frame with the numbers of its pixels in memory, for one who reads rows more than once.

        Raises
        ------
        FrameRejected
            As `bands`.
        """
        if isinstance(self.stored, HeldRows):
            return self
        try:
            return replace(self, stored=HeldRows.of(self.stored))
        except FrameRejected as refusal:
            raise refusal.in_file(self.file_name) from refusal

    def content_sha256(self) -> str:
        """Return the hash of pixels and cards, whatever the file's name and compression; all pixels are read.

        Raises
        ------
        FrameRejected
            As `bands`.
        """
        return content_hashes(self.value_type, self.stored.shape, self.bands(), self.header).content


@contextmanager
def open_frames(
    path: Path,
    instrument: Instrument,
    scratch: Path,
    *,
    file_name: str | None = None,
    detector: int | None = None,
    unpack: bool = False,
) -> Iterator[list[OpenFrame]]:
    """Open a raw file, FITS, plain, gzipped or tile-compressed: its headers are read and checked, its pixels wait.

    Memory does not grow with the frames that are open. What has to be unpacked as a whole is unpacked into the scratch
    folder: a gzipped file, and a compressed image whose tiles are not its rows.

    Parameters
    ----------
    path : Path
        The file. It must stay as it is while it is open; where it does not, reading says so.
    instrument : Instrument
        Whose file it is said to be.
    scratch : Path
        A folder with room for the unpacked file. Nothing is left there, even by a crash.
    file_name : str, optional
        The file's name as people know it, where it is stored under another.
    detector : int, optional
        Only this one; omitted: all that the file holds.
    unpack : bool
        Whether every compressed image is unpacked into the scratch folder now: for those who read rows more than once.

    Yields
    ------
    list of OpenFrame
        One for each detector, in the order of the instrument. They are read until the context ends, by as many
        threads as like.

    Raises
    ------
    FrameRejected
        With its reason; the message names the file and the card, HDU or offset, and says what to do.
    OSError
        If the scratch folder cannot take what is unpacked.
    """
    name = Path(file_name or path.name).name
    with ExitStack() as opened:
        yield opened_frames(
            path, instrument, name, in_folder(scratch, opened), opened, detector=detector, unpack=unpack
        )


def opened_frames(
    path: Path,
    instrument: Instrument,
    name: str,
    keep: Keep,
    opened: ExitStack,
    *,
    detector: int | None = None,
    unpack: bool = False,
) -> list[OpenFrame]:
    """Open a file and return its frames; see `open_frames`.

    Parameters
    ----------
    path, instrument, detector, unpack
        As there.
    name : str
        Name of the file, as people know it.
    keep : Keep
        What keeps unpacked bytes.
    opened : ExitStack
        What closes the file.
    """
    try:
        content = open_content(path, size_limit(instrument), keep, opened)
        file = RawFile.of(name, content, instrument)
        pairs = images_of(file)
        return [_opened(file, *pair, keep, unpack=unpack) for pair in pairs if detector in (None, pair[1].id)]
    except FrameRejected as refusal:
        raise refusal.in_file(name) from refusal


def _opened(file: RawFile, unit: Hdu, detector: Detector, keep: Keep, *, unpack: bool) -> OpenFrame:
    header = file.cards(unit)
    return OpenFrame(
        file_name=file.name,
        detector=detector.id,
        facts=translate(file.instrument, header, file.name),
        header=header,
        ignored=file.ignored(unit),
        stored=stored_rows(file.content, unit, detector.raw_shape, keep, unpack=unpack),
    )
