"""Writers: products with provenance, raw frames; deterministic bytes, put in place whole or not at all."""

from calibrant.frames.writing.fits_product import (
    ProductUnreadableError,
    product_bytes,
    read_product,
    write_product,
)
from calibrant.frames.writing.preview import (
    MOST_PIXELS,
    ProductPreview,
    preview_of,
    read_preview,
    write_preview,
)
from calibrant.frames.writing.product import ProductAmplifier, ProductImage, ProductInput, Provenance
from calibrant.frames.writing.raw import raw_bytes, write_raw

__all__ = [
    "MOST_PIXELS",
    "ProductAmplifier",
    "ProductImage",
    "ProductInput",
    "ProductPreview",
    "ProductUnreadableError",
    "Provenance",
    "preview_of",
    "product_bytes",
    "raw_bytes",
    "read_preview",
    "read_product",
    "write_preview",
    "write_product",
    "write_raw",
]
