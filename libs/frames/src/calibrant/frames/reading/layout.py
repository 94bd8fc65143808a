"""Owns which image of a raw file is of which detector; must not know pixels."""

from dataclasses import dataclass

from calibrant.frames.instrument import Detector, Instrument
from calibrant.frames.reading.content import Content
from calibrant.frames.reading.hdus import Hdu, Scalar, walk
from calibrant.frames.reading.identity import frame_cards
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.translation import check_identity, detector_of

_WIDEST_PIXEL = 8
_HEADROOM = 16 << 20


@dataclass(frozen=True, eq=False, slots=True)
class RawFile:
    """A raw file whose headers are read.

    Parameters
    ----------
    name : str
        As people know it.
    content : Content
        Its bytes, uncompressed.
    units : list of Hdu
        Its header-data units.
    instrument : Instrument
        Whose file it is said to be.
    """

    name: str
    content: Content
    units: list[Hdu]
    instrument: Instrument

    @classmethod
    def of(cls, name: str, content: Content, instrument: Instrument) -> "RawFile":
        """Read the headers of a file; see `walk`."""
        return cls(name, content, walk(content), instrument)

    def cards(self, unit: Hdu) -> dict[str, Scalar]:
        """Return the cards that speak of an image: the primary header's, overridden by its own."""
        return frame_cards({**self.units[0].cards, **unit.cards})

    def ignored(self, unit: Hdu) -> tuple[str, ...]:
        """Return what could not be understood of these cards."""
        return tuple(dict.fromkeys((*self.units[0].ignored, *unit.ignored)))


def size_limit(instrument: Instrument) -> int:
    """Return the most bytes that an unpacked file of this instrument can have."""
    pixels = [detector.raw_shape[0] * detector.raw_shape[1] for detector in instrument.detectors]
    together = sum(pixels) if instrument.files.hdus == "extension-per-detector" else max(pixels)
    return together * _WIDEST_PIXEL + _HEADROOM


def images_of(file: RawFile) -> list[tuple[Hdu, Detector]]:
    """Pair the images of a file with the detectors that they are of, in the order of the instrument.

    Raises
    ------
    FrameRejected
        An image is missing or has another shape, or the file is another camera's.
    """
    found = _by_detector(file) if file.instrument.files.hdus != "one-detector" else [_only(file)]
    for unit, detector in found:
        _check_shape(unit, detector, file.instrument)
    return found


def _only(file: RawFile) -> tuple[Hdu, Detector]:
    with_image = [unit for unit in file.units if unit.axes]
    if not with_image:
        raise FrameRejected(RejectionReason.NO_IMAGE, f"none of its {len(file.units)} HDUs holds an image")
    cards = file.cards(with_image[0])
    check_identity(file.instrument, cards)
    return with_image[0], file.instrument.detector(detector_of(file.instrument, cards))


def _by_detector(file: RawFile) -> list[tuple[Hdu, Detector]]:
    units, instrument = file.units, file.instrument
    check_identity(instrument, units[0].cards)
    named = {str(unit.cards.get("EXTNAME", "")): unit for unit in units if unit.axes}
    missing = [str(detector.hdu) for detector in instrument.detectors if detector.hdu not in named]
    if missing:
        raise FrameRejected(
            RejectionReason.NO_IMAGE,
            f"has no image extension {', '.join(missing)}; {instrument.name} writes one for each detector",
        )
    return [(named[str(detector.hdu)], detector) for detector in instrument.detectors]


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
