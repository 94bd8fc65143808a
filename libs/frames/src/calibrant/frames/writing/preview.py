"""Owns small pictures of products: their content and their FITS form. Must not know how products are computed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from calibrant.frames.writing.atomic import write_whole
from calibrant.frames.writing.fits_bytes import set_card, write_fits
from calibrant.frames.writing.fits_product import ProductUnreadableError
from calibrant.pixels.mask import UNUSABLE

MOST_PIXELS: Final = 256
"""Along a side of a preview."""


@dataclass(frozen=True, eq=False, slots=True)
class ProductPreview:
    """A product, binned.

    Parameters
    ----------
    product_id : str
        The product.
    unit : str
        Unit of ``data``.
    step : int
        Pixels of the product along a side of one of the preview; less at the last row and column.
    data : ndarray
        (ny, nx) float32, means of the good pixels; NaN where none is good.
    masked : ndarray
        (ny, nx) float32, fraction of pixels that are masked.
    masked_fraction : float
        The same of the whole product.
    """

    product_id: str
    unit: str
    step: int
    data: NDArray[np.float32]
    masked: NDArray[np.float32]
    masked_fraction: float


def preview_of(
    product_id: str, unit: str, data: NDArray[np.floating], mask: NDArray[np.uint32], most: int = MOST_PIXELS
) -> ProductPreview:
    """Bin a product until no side has more than ``most`` pixels.

    Parameters
    ----------
    product_id, unit : str
        The product, and the unit of its data.
    data : ndarray
        (ny, nx) numbers.
    mask : ndarray
        (ny, nx) uint32; pixels with a bit of `calibrant.pixels.mask.UNUSABLE` are left out.
    most : int
        Most pixels along a side.
    """
    step = -(-max(data.shape) // most)
    rows = range(0, data.shape[0], step)
    columns = np.arange(0, data.shape[1], step)
    binned = [_row(data[y : y + step], mask[y : y + step], columns) for y in rows]
    masked = np.array([line for _, line, _ in binned], dtype=np.float32)
    share = sum(count for _, _, count in binned) / data.size
    return ProductPreview(product_id, unit, step, np.array([line for line, _, _ in binned]), masked, share)


def _row(
    data: NDArray[np.floating], mask: NDArray[np.uint32], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float64], int]:
    """Give one row of the preview: means, fractions masked, pixels masked."""
    unusable = (mask & np.uint32(UNUSABLE)) != 0
    good = ~unusable & np.isfinite(data)
    total = np.add.reduceat(np.where(good, data, 0).sum(axis=0, dtype=np.float64), columns)
    count = np.add.reduceat(good.sum(axis=0), columns)
    pixels = np.add.reduceat(np.full(data.shape[1], data.shape[0]), columns)
    bad = np.add.reduceat(unusable.sum(axis=0), columns)
    means = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return means.astype(np.float32), bad / pixels, int(bad.sum())


def write_preview(path: Path, preview: ProductPreview) -> None:
    """Write a preview as FITS: ``DATA`` and ``MASKED``; the same bytes for the same preview.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind.
    """
    primary: Any = fits.PrimaryHDU()
    set_card(primary.header, "PRODUCT", preview.product_id, "Product that this is a small picture of")
    set_card(primary.header, "STEP", preview.step, "Its pixels along a side of one of these")
    set_card(primary.header, "MASKFRAC", preview.masked_fraction, "Fraction of its pixels that are masked")
    data: Any = fits.ImageHDU(data=preview.data, name="DATA")
    set_card(data.header, "BUNIT", preview.unit, "Unit")
    masked: Any = fits.ImageHDU(data=preview.masked, name="MASKED")
    set_card(masked.header, "BUNIT", "", "Fraction of pixels that are masked")
    write_whole(path, lambda file: write_fits(file, [primary, data, masked]))


def read_preview(path: Path) -> ProductPreview:
    """Read a preview back.

    Raises
    ------
    ProductUnreadableError
        If the file is no preview, or a damaged one.
    """
    try:
        with fits.open(path, memmap=False) as file:
            header = file[0].header
            return ProductPreview(
                product_id=header["PRODUCT"],
                unit=file["DATA"].header["BUNIT"],
                step=header["STEP"],
                data=np.asarray(file["DATA"].data, dtype=np.float32),
                masked=np.asarray(file["MASKED"].data, dtype=np.float32),
                masked_fraction=header["MASKFRAC"],
            )
    except (OSError, KeyError, ValueError, TypeError, fits.VerifyError) as problem:
        raise ProductUnreadableError(
            f"{path}: is no preview of a product ({problem}); measure again"
        ) from problem
