"""Owns how frames are corrected before any calibration, whoever does it; must not know recipes, verdicts or files.

An instrument file describes, products that were measured say more, a job chooses: of all together comes the one `Signature` for
all who correct a frame. What is subtracted, divided by or searched for beside it, they add.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibrant.frames.instrument import Instrument, Overscan, ParallelMethod
from calibrant.frames.measured import MEASURED, with_measured
from calibrant.frames.writing import ProductTables
from calibrant.pixels import Geometry, Signature
from calibrant.pixels.image import Unit
from calibrant.pixels.overscan import OverscanMethod

Part = TypeVar("Part", bound=BaseModel)

_NOTHING: Final[Mapping[str, ProductTables]] = MappingProxyType({})


class Choices(BaseModel):
    """What a job may choose; null: as the instrument file says."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    overscan: OverscanMethod | None = Field(
        default=None, description="How the overscan is removed; null: as the instrument file says."
    )
    overscan_degree: int | None = Field(
        default=None, ge=0, description="Degree of its polynomial; null: as the instrument file says."
    )
    overscan_knots: int | None = Field(
        default=None, ge=2, description="Points of its spline; null: as the instrument file says."
    )
    parallel_overscan: ParallelMethod | None = Field(
        default=None, description="How the parallel overscan is removed; null: as the instrument file says."
    )
    parallel_degree: int | None = Field(
        default=None, ge=0, description="Degree of its polynomial; null: as the instrument file says."
    )
    parallel_knots: int | None = Field(
        default=None, ge=2, description="Points of its spline; null: as the instrument file says."
    )
    measured_gain: bool = Field(
        default=True,
        description="Whether measured gains (a ptc or a gain product) are taken in place of the nominal ones.",
    )
    crosstalk: bool = Field(
        default=True, description="Whether crosstalk is removed where a crosstalk product is given."
    )
    linearity: bool = Field(
        default=True,
        description="Whether signals are made linear where the instrument file or a linearity product tells how.",
    )
    charge_transfer: bool = Field(
        default=True, description="Whether deferred charge is put back where a cti product is given."
    )
    brighter_fatter: bool = Field(
        default=False,
        description="Whether the brighter-fatter effect is undone where a bfk product is given.",
    )
    defects: bool = Field(
        default=True, description="Whether defects are masked: the instrument file's, and those of a product."
    )

    def overscans(self, instrument: Instrument) -> Overscan:
        """Return how the overscans are measured: as the instrument says, but for what is chosen."""
        own = instrument.overscan
        parallel = _changed(own.parallel, _PARALLEL, self)
        return _changed(own, _SERIAL, self).model_copy(update={"parallel": parallel})

    def settled(self, instrument: Instrument) -> Self:
        """Return the choices with the instrument's own in place of null: what was done, for a record."""
        overscan = self.overscans(instrument)
        serial = {name: getattr(overscan, field) for field, name in _SERIAL.items()}
        parallel = {name: getattr(overscan.parallel, field) for field, name in _PARALLEL.items()}
        return self.model_copy(update=serial | parallel)


CHOICES: Final = frozenset(Choices.model_fields)
"""Names of the parameters with which frames are corrected alike, whoever corrects them."""

_SERIAL: Final = {"method": "overscan", "degree": "overscan_degree", "knots": "overscan_knots"}
_PARALLEL: Final = {"method": "parallel_overscan", "degree": "parallel_degree", "knots": "parallel_knots"}


def correction(
    instrument: Instrument,
    detector: int,
    choices: Choices,
    unit: Unit,
    measured: Mapping[str, ProductTables] = _NOTHING,
) -> tuple[Geometry, Signature]:
    """Return where a detector's pixels are, and what is removed from its frames before any calibration.

    Parameters
    ----------
    instrument : Instrument
        Describes regions, skips, linearities and defects.
    detector : int
        One of its detectors.
    choices : Choices
        Choose methods, and which products count.
    unit : {'electron', 'adu'}
        Of what is corrected.
    measured : mapping of str to ProductTables
        Products by kind, of `calibrant.frames.measured.MEASURED`.

    Raises
    ------
    ValueError
        A method or a product does not fit the detector, or linearity is asked for on top of the electronic level; it
        names the parameter or the product, and the amplifier.
    """
    own, overscan = instrument.detector(detector), choices.overscans(instrument)
    asked = {kind: one for kind, one in measured.items() if getattr(choices, MEASURED[kind].switch)}
    gains = {kind: one for kind, one in asked.items() if MEASURED[kind].switch == "measured_gain"}
    plain = Signature(
        overscan=overscan.plain(),
        parallel=overscan.parallel.plain(),
        unit=unit,
        defects=own.defect_mask() if choices.defects else None,
    )
    geometry, signature = with_measured(own.geometry(overscan), plain, gains)
    if choices.linearity:  # it is told in electrons by the gains in force
        signature = replace(signature, linearity=own.linearities(unit, geometry))
    rest = {kind: one for kind, one in asked.items() if kind not in gains}
    geometry, signature = with_measured(geometry, signature, rest)
    if signature.linearity and not signature.removes_level(geometry):
        raise ValueError(
            "linearity: the frames keep their electronic level, which would be corrected as if it were signal; choose "
            "an overscan method that every amplifier has a region for, or set linearity to false"
        )
    return geometry, signature


def with_defects(signature: Signature, mask: NDArray[np.uint32]) -> Signature:
    """Join a mask of defects to those that a signature marks in every frame.

    Parameters
    ----------
    signature : Signature
        With the instrument file's defects, or none.
    mask : ndarray
        uint32, of the trimmed image's shape: bits of `calibrant.pixels.Mask`.
    """
    own = signature.defects
    return replace(signature, defects=mask if own is None else own | mask)


def chosen(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some parameters that are `CHOICES`."""
    return {name: value for name, value in parameters.items() if name in CHOICES}


def _changed(part: Part, fields: Mapping[str, str], choices: Choices) -> Part:
    """Return a part of an instrument file with what is chosen in place of its fields."""
    given = {field: getattr(choices, name) for field, name in fields.items()}
    return part.model_copy(update={field: value for field, value in given.items() if value is not None})
