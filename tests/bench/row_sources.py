"""Rows from compressed frames: the source beside its bare decoder, by one thread and by two.

The decoder (cfitsio's for Rice, ISA-L for gzip) is called with packed data in memory and its output is dropped; the
source reads the file, through all checks. Where others use the machine, only the figures by processor time mean much. Alone: ``python tests/bench/row_sources.py``.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from figures import Figure, show
from isal import igzip, isal_zlib
from rich.console import Console

from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.reading import open_frames
from calibrant.frames.reading.rows.rice import MARGIN, rice_decoder
from calibrant.frames.testing import good_cards

ROUNDS = 7
SIDE = 4096
BAND = 64
THREADS = 2

Work = Callable[[int, int], int]
"""Does its part, of so many: part, number of parts -> pixels."""


def camera() -> Instrument:
    """Describe a camera of one amplifier, SIDE x SIDE."""
    content = load_instrument("simcam").model_dump(mode="json")
    section = f"[1:{SIDE},1:{SIDE}]"
    amplifier = {
        "name": "A",
        "image": section,
        "gain_e_per_adu": 1,
        "read_noise_e": 5,
        "saturation_adu": 65535,
    }
    content["detectors"] = [{"id": 0, "name": "A", "raw_shape": [SIDE, SIDE], "amplifiers": [amplifier]}]
    del content["simulation"], content["overscan"]
    return Instrument.model_validate(content)


def write_frames(folder: Path, instrument: Instrument) -> None:
    """Write one frame in every packing: level 1000 ADU, noise 5 ADU."""
    random = np.random.default_rng(1)
    array = random.normal(1000, 5, (SIDE, SIDE)).round().astype(np.uint16)
    header = fits.Header(good_cards(instrument))
    for packing in ("RICE_1", "GZIP_1", "GZIP_2"):
        unit = fits.CompImageHDU(array, header, compression_type=packing)
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(folder / f"{packing}.fits")
    plain = BytesIO()
    fits.PrimaryHDU(array, header).writeto(plain)
    packed = gzip.compress(plain.getvalue(), 6)
    for part in range(THREADS):
        (folder / f"{part}.fits.gz").write_bytes(packed)


def tiles_of(path: Path) -> list[bytes]:
    """Return the packed rows of a compressed frame."""
    with fits.open(path, disable_image_compression=True) as file:
        return [bytes(tile) for tile in file[1].data["COMPRESSED_DATA"]]


def rice_alone(path: Path) -> Work:
    """Unpack rows by the decoder of Rice."""
    tiles = tiles_of(path)
    packed = np.frombuffer(b"".join(tiles) + b"\xff" * MARGIN, np.uint8)
    sizes = [len(tile) for tile in tiles]
    places = list(zip(np.cumsum([0, *sizes[:-1]]).tolist(), sizes, strict=True))
    decode = rice_decoder(2)

    def work(part: int, parts: int) -> int:
        row = np.empty(SIDE, np.int16)
        source, target = packed.ctypes.data, row.ctypes.data
        for place, size in places[part::parts]:
            decode(source + place, size, target, SIDE, 32)
        return SIDE * len(places[part::parts])

    return work


def gzip_alone(path: Path) -> Work:
    """Unpack rows by the decoder of gzip."""
    tiles = tiles_of(path)

    def work(part: int, parts: int) -> int:
        for tile in tiles[part::parts]:
            isal_zlib.decompressobj(isal_zlib.MAX_WBITS | 16).decompress(tile, 2 * SIDE)
        return SIDE * len(tiles[part::parts])

    return work


def file_alone(path: Path) -> Work:
    """Unpack a gzipped file, once in each thread."""
    packed = path.read_bytes()

    def work(_part: int, _parts: int) -> int:
        stream = igzip.IGzipFile(fileobj=BytesIO(packed), mode="rb")
        while stream.read(1 << 17):
            pass
        return SIDE * SIDE

    return work


def rows_by_bands(path: Path, instrument: Instrument, opened: ExitStack) -> Work:
    """Read one frame's rows, the threads taking turns."""
    (frame,) = opened.enter_context(open_frames(path, instrument, path.parent))
    source = frame.rows

    def work(part: int, parts: int) -> int:
        band, pixels = np.empty((BAND, SIDE), source.dtype), 0
        for first in range(part * BAND, SIDE, parts * BAND):
            source.read_rows(first, first + BAND, band)
            pixels += band.size
        return pixels

    return work


def whole_files(folder: Path, instrument: Instrument) -> Work:
    """Open a gzipped frame and read its rows, each thread one of its own."""

    def work(part: int, _parts: int) -> int:
        with ExitStack() as opened:
            return rows_by_bands(folder / f"{part}.fits.gz", instrument, opened)(0, 1)

    return work


def by_astropy(path: Path, extension: int) -> Work:
    """Read a frame as astropy does, values and not numbers as stored."""

    def work(_part: int, _parts: int) -> int:
        return int(fits.getdata(path, extension).size)

    return work


def rates(work: Work, threads: int, pool: ThreadPoolExecutor) -> tuple[float, float]:
    """Return Mpix/s of so many threads, by the clock, and for each second that processors worked for them."""

    def timed(part: int) -> tuple[int, float]:
        begun_s = time.thread_time()
        return work(part, threads), time.thread_time() - begun_s

    begun_s = time.perf_counter()
    pixels, worked_s = (sum(numbers) for numbers in zip(*pool.map(timed, range(threads)), strict=True))
    return pixels / (time.perf_counter() - begun_s) / 1e6, pixels / worked_s / 1e6


def ratio(what: str, one: Sequence[float], other: Sequence[float], target: float | None = 0.9) -> Figure:
    """Compare two rates, round by round."""
    return Figure(what, [a / b for a, b in zip(one, other, strict=True)], target=target)


def compared(what: str, alone: Work, source: Work, astropy: Work, pool: ThreadPoolExecutor) -> list[Figure]:
    """Measure decoder, source and astropy in turns."""
    turns = [(alone, 1), (source, 1), (alone, THREADS), (source, THREADS), (astropy, 1)]
    rounds = [[rates(work, threads, pool) for work, threads in turns] for _ in range(ROUNDS + 1)]
    clock, worked = (
        [list(each) for each in zip(*([turn[k] for turn in one] for one in rounds[1:]), strict=True)]
        for k in (0, 1)
    )  # the first one warmed up
    return [
        Figure(f"{what}: decoder alone, one thread", clock[0], "Mpix/s"),
        Figure(f"{what}: rows of the source, one thread", clock[1], "Mpix/s"),
        ratio("its rate, to the decoder's", clock[1], clock[0]),
        ratio("its rate, to the decoder's, by processor time", worked[1], worked[0]),
        ratio("its rate, to that of astropy's getdata", clock[1], clock[4], target=None),
        Figure(f"{what}: rows of the source, two threads", clock[3], "Mpix/s"),
        ratio("its rate, to the decoder's by two threads", clock[3], clock[2]),
        ratio("its rate, to twice the decoder's by one", clock[3], [THREADS * each for each in clock[0]]),
    ]


def measured() -> list[Figure]:
    """Measure the sources."""
    instrument = camera()
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened, ThreadPoolExecutor(THREADS) as pool:
        folder = Path(name)
        write_frames(folder, instrument)
        figures = []
        for packing, alone in [("RICE_1", rice_alone), ("GZIP_1", gzip_alone), ("GZIP_2", gzip_alone)]:
            path = folder / f"{packing}.fits"
            source = rows_by_bands(path, instrument, opened)
            figures += compared(packing, alone(path), source, by_astropy(path, 1), pool)
        path = folder / "0.fits.gz"
        source = whole_files(folder, instrument)
        figures += compared(".fits.gz", file_alone(path), source, by_astropy(path, 0), pool)
    return figures


def row_sources(console: Console) -> None:
    """Measure the sources and show what came out."""
    show(console, f"rows from compressed frames of {SIDE} x {SIDE}", measured())


if __name__ == "__main__":
    row_sources(Console(width=140))
