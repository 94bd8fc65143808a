"""Writes the seeds of the fuzzer, from our own writer: ``python tests/hostile/seeds.py``. No real frame is among them."""

import gzip
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from calibrant.frames.instrument import load_instrument
from calibrant.frames.testing import good_bytes, good_cards
from calibrant.frames.writing.fits_bytes import fits_bytes

FOLDER = Path(__file__).parent / "seeds"
MICRO = load_instrument(Path(__file__).parent / "micro.yaml")


def seeds():
    """Return good files of each form that is read, by name."""
    plain = good_bytes(MICRO)
    found = {"plain.fits": plain, "gzipped.fits.gz": gzip.compress(plain, mtime=0)}
    pixels = np.arange(80, dtype=np.uint16).reshape(8, 10)
    cards = fits.Header(good_cards(MICRO))
    found["flat.fits"] = good_bytes(MICRO, IMGTYPE="FLAT", EXPTIME=2.5, FILTER="r'x'")
    found["long.fits"] = good_bytes(MICRO, NOTE="a long text, of several cards, " * 8)
    for method in ("RICE_1", "GZIP_1", "GZIP_2"):
        unit = fits.CompImageHDU(data=pixels, header=cards, compression_type=method)
        found[f"{method.lower()}.fits"] = fits_bytes([fits.PrimaryHDU(), unit])
    for name, dtype in (("floats.fits", ">f4"), ("extension.fits", ">i2"), ("doubles.fits", ">f8")):
        image = fits.ImageHDU(pixels.astype(dtype), cards)
        table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1, 2])])
        found[name] = fits_bytes([fits.PrimaryHDU(), image, table])
    return found


def main():
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in seeds().items():
            (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
