"""Owns reading a raw file into checked frames: the order of the checks. Must not know who asks or why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.instrument import Detector, Instrument
from calibrant.frames.reading.container import load
from calibrant.frames.reading.hdus import Hdu, Scalar, walk
from calibrant.frames.reading.identity import content_sha256, frame_cards, frame_id
from calibrant.frames.reading.images import image
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.translation import HeaderFacts, check_identity, detector_of, translate

_WIDEST_PIXEL = 8
_HEADROOM = 16 << 20


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
    ignored : tuple of str
        Cards that could not be understood and are not needed, in words.
    """

    frame_id: str
    detector: int
    facts: HeaderFacts
    header: dict[str, Scalar]
    array: NDArray[Any]
    content_sha256: str
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content: bytes
    units: list[Hdu]
    instrument: Instrument

    def cards(self, unit: Hdu) -> dict[str, Scalar]:
        return frame_cards({**self.units[0].cards, **unit.cards})


def size_limit(instrument: Instrument) -> int:
    """Return the most bytes that an unpacked file of this instrument can have."""
    pixels = [detector.raw_shape[0] * detector.raw_shape[1] for detector in instrument.detectors]
    together = sum(pixels) if instrument.files.hdus == "extension-per-detector" else max(pixels)
    return together * _WIDEST_PIXEL + _HEADROOM


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
    try:
        content = load(path, size_limit(instrument))
        file = _File(name=name, content=content, units=walk(content), instrument=instrument)
        return [_frame(file, unit, detector) for unit, detector in _images(file)]
    except FrameRejected as refusal:
        raise refusal.in_file(name) from refusal


def _images(file: _File) -> list[tuple[Hdu, Detector]]:
    """Pair the images of a file with the detectors they are of."""
    units, instrument = file.units, file.instrument
    with_image = [unit for unit in units if unit.axes]
    if instrument.files.hdus == "one-detector":
        if not with_image:
            raise FrameRejected(RejectionReason.NO_IMAGE, f"none of its {len(units)} HDUs holds an image")
        unit = with_image[0]
        cards = file.cards(unit)
        check_identity(instrument, cards)
        return [(unit, instrument.detector(detector_of(instrument, cards)))]
    check_identity(instrument, units[0].cards)
    named = {str(unit.cards.get("EXTNAME", "")): unit for unit in with_image}
    missing = [str(detector.hdu) for detector in instrument.detectors if detector.hdu not in named]
    if missing:
        raise FrameRejected(
            RejectionReason.NO_IMAGE,
            f"has no image extension {', '.join(missing)}; {instrument.name} writes one for each detector",
        )
    return [(named[str(detector.hdu)], detector) for detector in instrument.detectors]


def _frame(file: _File, unit: Hdu, detector: Detector) -> RawFrame:
    _check_shape(unit, detector, file.instrument)
    header = file.cards(unit)
    facts = translate(file.instrument, header, file.name)
    array = np.ascontiguousarray(image(file.content, unit)).reshape(detector.raw_shape)
    content_hash = content_sha256(array, header)
    return RawFrame(
        frame_id=frame_id(content_hash, detector.id),
        detector=detector.id,
        facts=facts,
        header=header,
        array=array,
        content_sha256=content_hash,
        ignored=tuple(dict.fromkeys((*file.units[0].ignored, *unit.ignored))),
    )


def _check_shape(unit: Hdu, detector: Detector, instrument: Instrument) -> None:
    axes = tuple(length for length in unit.axes if length != 1) if instrument.files.squeeze else unit.axes
    if axes == detector.raw_shape:
        return
    found = " x ".join(str(length) for length in unit.axes)
    rows, columns = detector.raw_shape
    raise FrameRejected(
        RejectionReason.WRONG_SHAPE,
        f"the image in HDU {unit.index} is {found} (rows x columns) but detector {detector.id} ({detector.name}) "
        f"of {instrument.name} is {rows} x {columns}; give the right instrument, or describe this window in one",
    )
