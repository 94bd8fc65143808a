"""Owns a corpus of hostile files for tests of this and other packages; nothing in production imports it."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import RejectionReason
from calibrant.frames.writing.raw import CardValue, raw_bytes


def good_cards(instrument: Instrument, **changed: CardValue | None) -> dict[str, CardValue]:
    """Return the cards of a good bias of a simulated camera; those changed to None are left out."""
    cards: dict[str, CardValue | None] = {
        "INSTRUME": instrument.name,
        "DETECTOR": 0,
        "EXPID": "SC_20260101_000001",
        "IMGTYPE": "BIAS",
        "EXPTIME": 0.0,
        "DARKTIME": 0.0,
        "TIMESYS": "TAI",
        "DATE-BEG": "2026-01-01T20:00:00.000",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return {name: value for name, value in cards.items() if value is not None}


def good_bytes(instrument: Instrument, **changed: CardValue | None) -> bytes:
    """Return a good raw bias of detector 0, every pixel at 1000 ADU; see `good_cards`."""
    shape = instrument.detector(0).raw_shape
    return raw_bytes(np.full(shape, 1000, np.uint16), good_cards(instrument, **changed))


@dataclass(frozen=True, slots=True)
class HostileFile:
    """A file that must be refused: its name, how to make its bytes, why it is refused, what the message says."""

    name: str
    make: Callable[[Instrument], bytes]
    reason: RejectionReason
    says: str


def _card(**changed: CardValue | None) -> Callable[[Instrument], bytes]:
    return lambda instrument: good_bytes(instrument, **changed)


def _wrong_shape(instrument: Instrument) -> bytes:
    return raw_bytes(np.zeros((7, 9), np.uint16), good_cards(instrument))


def _nan(instrument: Instrument) -> bytes:
    """Replace the pixels of a good frame by float NaN, by the letter of the standard."""
    shape = instrument.detector(0).raw_shape
    header = good_bytes(instrument)[:2880]
    header = header.replace(b"BITPIX  =                   16", b"BITPIX  =                  -32")
    header = header.replace(b"BZERO   =                32768", b"BZERO   =                    0")
    data = np.full(shape, np.nan, ">f4").tobytes()
    return header + data + bytes(-len(data) % 2880)


def _huge_axis(instrument: Instrument) -> bytes:
    columns = instrument.detector(0).raw_shape[1]
    return good_bytes(instrument).replace(b"NAXIS1  = %20d" % columns, b"NAXIS1  = %20d" % 999_999_999_999)


def _huge_dimensions(instrument: Instrument) -> bytes:
    cards = [f"{'SIMPLE':<8}= {'T':>20}", f"{'BITPIX':<8}= {16:>20}", f"{'NAXIS':<8}= {999:>20}"]
    cards += [f"{f'NAXIS{n}':<8}= {2**40:>20}" for n in range(1, 1000)]
    header = "".join(f"{card:<80}" for card in [*cards, "END"])
    return header.encode().ljust(-(-len(header) // 2880) * 2880) + good_bytes(instrument)


def _endless_header(instrument: Instrument) -> bytes:
    return good_bytes(instrument)[:80] + b"COMMENT".ljust(80) * 40_000


def _odd_depth(instrument: Instrument) -> bytes:
    return good_bytes(instrument).replace(b"BITPIX  = %20d" % 16, b"BITPIX  = %20d" % 17)


def _bomb(_instrument: Instrument) -> bytes:
    return gzip.compress(bytes(64 << 20), mtime=0)


CORPUS: tuple[HostileFile, ...] = (
    HostileFile("empty.fits", lambda _: b"", RejectionReason.EMPTY, "no bytes"),
    HostileFile("empty.fits.gz", lambda _: gzip.compress(b"", mtime=0), RejectionReason.EMPTY, "no bytes"),
    HostileFile("text.fits", lambda _: b"dear diary, " * 500, RejectionReason.NOT_FITS, "dear diary"),
    HostileFile("cut.fits", lambda i: good_bytes(i)[:-4000], RejectionReason.TRUNCATED, "HDU 0"),
    HostileFile("cut-header.fits", lambda i: good_bytes(i)[:400], RejectionReason.TRUNCATED, "no END card"),
    HostileFile(
        "cut.fits.gz",
        lambda i: gzip.compress(good_bytes(i), mtime=0)[:-40],
        RejectionReason.TRUNCATED,
        "gzip",
    ),
    HostileFile("noise.fits.gz", lambda _: b"\x1f\x8b" + b"\x07" * 900, RejectionReason.CORRUPT, "gunzip"),
    HostileFile("bomb.fits.gz", _bomb, RejectionReason.TOO_LARGE, "bytes"),
    HostileFile("huge.fits", _huge_axis, RejectionReason.TRUNCATED, "need"),
    HostileFile(
        "dimensions.fits", _huge_dimensions, RejectionReason.MALFORMED_HEADER, "more bytes than any file"
    ),
    HostileFile("endless.fits", _endless_header, RejectionReason.MALFORMED_HEADER, "no END card"),
    HostileFile("depth.fits", _odd_depth, RejectionReason.MALFORMED_HEADER, "BITPIX of HDU 0 is 17"),
    HostileFile("shape.fits", _wrong_shape, RejectionReason.WRONG_SHAPE, "7 x 9"),
    HostileFile("nan.fits", _nan, RejectionReason.NOT_A_NUMBER, "NaN"),
    HostileFile("camera.fits", _card(INSTRUME="other"), RejectionReason.WRONG_INSTRUMENT, "INSTRUME"),
    HostileFile("detector.fits", _card(DETECTOR=77), RejectionReason.UNKNOWN_DETECTOR, "DETECTOR is 77"),
    HostileFile("detector-text.fits", _card(DETECTOR="one"), RejectionReason.BAD_CARD, "DETECTOR"),
    HostileFile("no-detector.fits", _card(DETECTOR=None), RejectionReason.MISSING_CARD, "DETECTOR"),
    HostileFile("exptime.fits", _card(EXPTIME="abc"), RejectionReason.BAD_CARD, "EXPTIME is 'abc'"),
    HostileFile("negative.fits", _card(EXPTIME=-1.0), RejectionReason.BAD_CARD, "EXPTIME is -1"),
    HostileFile(
        "dark.fits", _card(IMGTYPE="DARK", EXPTIME=None), RejectionReason.MISSING_EXPOSURE_TIME, "EXPTIME"
    ),
    HostileFile("no-time.fits", _card(DATE_BEG=None), RejectionReason.MISSING_TIME, "DATE-BEG"),
    HostileFile("time.fits", _card(DATE_BEG="yesterday"), RejectionReason.BAD_TIME, "DATE-BEG"),
    HostileFile("scale.fits", _card(TIMESYS="LOCAL"), RejectionReason.BAD_TIME, "TIMESYS"),
    HostileFile("type.fits", _card(IMGTYPE="SELFIE"), RejectionReason.UNKNOWN_TYPE, "SELFIE"),
    HostileFile("path.fits", _card(EXPID="../../etc/passwd"), RejectionReason.BAD_CARD, "EXPID"),
)
"""One file of each kind that must be refused by an instrument such as ``simcam-tiny``."""


def write_corpus(folder: Path, instrument: Instrument) -> list[tuple[Path, HostileFile]]:
    """Write every hostile file into a folder and return the paths with what must become of them.

    Parameters
    ----------
    folder : Path
        An existing folder.
    instrument : Instrument
        A simulated camera, one that reads the cards of `good_cards`.
    """
    written = []
    for hostile in CORPUS:
        path = folder / hostile.name
        path.write_bytes(hostile.make(instrument))
        written.append((path, hostile))
    return written
