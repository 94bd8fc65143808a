"""Owns the FITS form of products: layout, writing, reading back. Must not know how products are computed.

``PRIMARY`` has no data: it says what the product is. ``DATA``, ``VARIANCE``, ``MASK`` and ``COUNT`` are images of one
shape, which a product of tables alone lacks; its own tables come next; ``PROVENANCE`` lists every input, ``PARAMETERS``
every parameter of the recipe. DATA comes first, so that `astropy.nddata.CCDData` and DS9 open it without being told; the
MASK's header names its bits.
"""

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from calibrant.frames.times import parse_time
from calibrant.frames.writing.atomic import write_whole
from calibrant.frames.writing.cards import Card, amplifiers_of, idle_roles, primary_cards, squared
from calibrant.frames.writing.fits_bytes import fits_bytes, set_card, write_fits
from calibrant.frames.writing.product import ProductHead, ProductImage, ProductTables, Provenance
from calibrant.frames.writing.tables import (
    inputs_table,
    own_table,
    parameters_table,
    read_inputs,
    read_parameters,
    read_tables,
)
from calibrant.pixels.mask import MEANINGS

Read = TypeVar("Read", bound=ProductHead)


class ProductUnreadableError(Exception):
    """A file is no product, or a damaged one; the message names the file, what was found and what to do."""


def product_bytes(product: ProductHead) -> bytes:
    """Return a product as a FITS file.

    Parameters
    ----------
    product : ProductImage or ProductTables
        What to write.

    Returns
    -------
    bytes
        The same for the same product, on any day: no date of writing, no host.
    """
    return fits_bytes(_units(product))


def _units(product: ProductHead) -> list[Any]:
    primary: Any = fits.PrimaryHDU()
    for card in primary_cards(product):
        set_card(primary.header, *card)
    primary.header["COMMENT"] = (
        "JOBID is the hash of all that determines the result, INSTHASH that of the instrument."
    )
    return [
        primary,
        *(_planes(product) if isinstance(product, ProductImage) else ()),
        *(own_table(table) for table in product.tables),
        inputs_table(product.provenance.inputs),
        parameters_table(product.provenance.parameters),
    ]


def _planes(product: ProductImage) -> list[Any]:
    unit: Card = ("BUNIT", product.unit, "Unit")
    variance: list[Card] = [
        ("BUNIT", squared(product.unit), "Unit: that of DATA squared"),
        ("UTYPE", "VarianceUncertainty", "Kind of uncertainty (astropy.nddata)"),
    ]
    return [
        _plane("DATA", product.data, [unit]),
        _plane("VARIANCE", product.variance.astype(np.float32, copy=False), variance),
        _mask_plane(product.mask),
        _plane("COUNT", _signed(product.count), [("BUNIT", "", "Frames that entered each pixel")]),
    ]


def _signed(plane: NDArray[Any]) -> NDArray[np.int32]:
    """Return a plane as FITS has it, without a copy where its numbers have the width."""
    return plane.view(np.int32) if plane.dtype == np.uint32 else plane.astype(np.int32)


def write_product(path: Path, product: ProductHead) -> None:
    """Write `product_bytes` to a file: a temporary name, forced to disk, renamed.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind.
    """
    write_whole(path, lambda file: write_fits(file, _units(product)))


def read_product(path: Path) -> ProductImage:
    """Read a product that is an image back, checksums verified.

    Raises
    ------
    ProductUnreadableError
        If the file is missing, no such product, or damaged.
    """
    return _read(path, _image)


def read_product_tables(path: Path) -> ProductTables:
    """Read a product that is tables alone back, checksums verified.

    Raises
    ------
    ProductUnreadableError
        If the file is missing, no such product, or damaged.
    """
    return _read(path, lambda file: ProductTables(**_head(file)))


def _read(path: Path, made: Callable[[Any], Read]) -> Read:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # a checksum that does not agree is only warned of
            with fits.open(BytesIO(path.read_bytes()), checksum=True) as file:
                return made(file)
    except KeyError as problem:
        raise ProductUnreadableError(
            f"{path}: is no product: {problem.args[0]}; give a file that calibrant wrote"
        ) from problem
    except (OSError, ValueError, TypeError, IndexError, AstropyWarning, fits.VerifyError) as problem:
        raise ProductUnreadableError(
            f"{path}: cannot be read as a product ({problem}); it is damaged or another kind of file: fetch it again"
        ) from problem


def _plane(name: str, array: NDArray[Any], cards: list[Card]) -> Any:
    unit: Any = fits.ImageHDU(data=array, name=name)
    unit.header["INHERIT"] = (True, "The primary header holds for this image too")
    for card in cards:
        set_card(unit.header, *card)
    return unit


def _mask_plane(mask: NDArray[np.uint32]) -> Any:
    bits = {int(bit).bit_length() - 1: (str(bit.name), meaning) for bit, meaning in MEANINGS.items()}
    cards: list[Card] = [("BUNIT", "", "Bits; 0 is a good pixel")]
    cards += [(f"MSKBIT{number}", name, f"Name of bit {number}") for number, (name, _) in bits.items()]
    unit = _plane("MASK", _signed(mask), cards)
    for name, meaning in bits.values():
        unit.header["COMMENT"] = f"{name}: {meaning}"
    return unit


def _image(file: Any) -> ProductImage:
    header = file[0].header
    return ProductImage(
        **_head(file),
        unit=header["BUNIT"],
        data=_native(file["DATA"].data),
        variance=_native(file["VARIANCE"].data),
        mask=_native(file["MASK"].data).astype(np.uint32),
        count=_native(file["COUNT"].data),
        statistic=header["STATISTC"],
        exptime_s=header.get("EXPTIME"),
        dark_time_s=header.get("DARKTIME"),
        per_second=header["PERSEC"],
        normalisation=header["NORMAL"],
    )


def _head(file: Any) -> dict[str, Any]:
    header = file[0].header
    return {
        "kind": header["KIND"],
        "instrument": header["INSTRUME"],
        "detector": header["DETECTOR"],
        "detector_name": header["DETNAME"],
        "provenance": _provenance(file),
        "begin_tai_ns": parse_time(header["DATE-BEG"], "tai"),
        "end_tai_ns": parse_time(header["DATE-END"], "tai"),
        "filter": header.get("FILTER"),
        "overscan": header["OVERSCAN"],
        "parallel_overscan": header["PARALLEL"],
        "linearity": header["LINEAR"],
        "defects": header["DEFECTS"],
        "idle": idle_roles(header),
        "between": header.get("XTLKBETW", False),  # none before it was removed
        "amplifiers": amplifiers_of(header),
        "tables": read_tables(file),
    }


def _provenance(file: Any) -> Provenance:
    header = file[0].header
    return Provenance(
        product_id=header["PRODID"],
        job_id=header["JOBID"],
        recipe=header["RECIPE"],
        recipe_version=header["RECVER"],
        engine_version=header["ENGVER"],
        instrument_hash=header["INSTHASH"],
        inputs=read_inputs(file["PROVENANCE"].data),
        parameters=read_parameters(file["PARAMETERS"].data),
    )


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
