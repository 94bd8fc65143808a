"""What products that were measured say, joined to how frames are corrected: by kind, a module a kind.

Whoever corrects frames does it here, so that a product is verified with what it was built with. A kind is added with a module
that reads its tables into a `Measured`, named in `MEASURED`; its switch is a field of `calibrant.frames.correcting.Choices`,
its cards are in `calibrant.frames.writing.cards`. A recipe takes it by a role of its name, and a rule hands it over.

Must not know jobs, stores, or how anything was measured.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from calibrant.frames.measured.brighter_fatter import BFK
from calibrant.frames.measured.charge_transfer import CHARGE_TRANSFER
from calibrant.frames.measured.crosstalk import CROSSTALK, heard, measured_between, within
from calibrant.frames.measured.form import Measured
from calibrant.frames.measured.gain import GAIN, PTC
from calibrant.frames.measured.linearity import LINEARITY
from calibrant.frames.measured.scaling import gain_ratio
from calibrant.frames.writing import ProductTables
from calibrant.pixels import Geometry, Signature, Step

__all__ = [
    "BARRIERS",
    "MEASURED",
    "STEPS",
    "Measured",
    "gain_ratio",
    "heard",
    "measured_between",
    "with_measured",
    "within",
]

MEASURED: Final[Mapping[str, Measured]] = MappingProxyType(
    {
        "gain": GAIN,
        "ptc": PTC,
        "crosstalk": CROSSTALK,
        "linearity": LINEARITY,
        "cti": CHARGE_TRANSFER,
        "bfk": BFK,
    }
)
"""By kind, gains first: what follows is told in electrons by them. Of two of one switch the later one has the last word."""

STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {"crosstalk": Step.CROSSTALK, "cti": Step.CHARGE_TRANSFER, "bfk": Step.BRIGHTER_FATTER}
)
"""The step that a kind is joined at; a product that has nothing to correct is not."""

BARRIERS: Final = frozenset(STEPS)
"""Kinds that look at other pixels: frames are corrected and held as a whole where they are joined."""


def with_measured(
    geometry: Geometry, signature: Signature, products: Mapping[str, ProductTables]
) -> tuple[Geometry, Signature]:
    """Join products to how a detector's frames are corrected.

    Parameters
    ----------
    geometry, signature
        Of the detector, as the instrument file has them.
    products : mapping of str to ProductTables
        By kind, of `MEASURED`.

    Returns
    -------
    tuple of Geometry and Signature
        What is removed with them, checked against each other.

    Raises
    ------
    ValueError
        One says nothing of an amplifier, or does not fit the detector; the text names the product.
    """
    for kind, measured in MEASURED.items():
        if kind in products:
            geometry, signature = measured.join(geometry, signature, products[kind])
    signature.check(geometry)
    return geometry, signature
