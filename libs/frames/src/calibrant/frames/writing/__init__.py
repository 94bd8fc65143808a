"""Writers: products with provenance, raw frames; deterministic bytes, put in place whole or not at all."""

from calibrant.frames.writing.cube import write_cube
from calibrant.frames.writing.fits_product import (
    ProductUnreadableError,
    product_bytes,
    read_product,
    read_product_tables,
    write_product,
)
from calibrant.frames.writing.preview import (
    MOST_PIXELS,
    ProductPreview,
    preview_of,
    read_preview,
    write_preview,
)
from calibrant.frames.writing.product import (
    ProductAmplifier,
    ProductHead,
    ProductImage,
    ProductInput,
    ProductTables,
    Provenance,
)
from calibrant.frames.writing.product_table import ProductTable, TableColumn
from calibrant.frames.writing.raw import Cards as RawCards
from calibrant.frames.writing.raw import raw_bytes, write_raw

__all__ = [
    "MOST_PIXELS",
    "ProductAmplifier",
    "ProductHead",
    "ProductImage",
    "ProductInput",
    "ProductPreview",
    "ProductTable",
    "ProductTables",
    "ProductUnreadableError",
    "Provenance",
    "RawCards",
    "TableColumn",
    "preview_of",
    "product_bytes",
    "raw_bytes",
    "read_preview",
    "read_product",
    "read_product_tables",
    "write_cube",
    "write_preview",
    "write_product",
    "write_raw",
]
