"""Owns how frames are corrected before any calibration, whoever does it; must not know recipes, verdicts or files.

An instrument file describes, a job chooses: of both together comes the one `Signature` for all who correct a frame. subtracted, divided by or searched for beside it, they add.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibrant.frames.instrument import Instrument, Overscan, ParallelMethod
from calibrant.pixels import Geometry, Signature
from calibrant.pixels.image import Unit
from calibrant.pixels.overscan import OverscanMethod

Part = TypeVar("Part", bound=BaseModel)


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
    linearity: bool = Field(
        default=True, description="Whether signals are made linear where the instrument file tells how."
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
    instrument: Instrument, detector: int, choices: Choices, unit: Unit
) -> tuple[Geometry, Signature]:
    """Return where a detector's pixels are, and what is removed from its frames before any calibration.

    Parameters
    ----------
    instrument : Instrument
        Describes regions, skips, linearities and defects.
    detector : int
        One of its detectors.
    choices : Choices
        Choose methods.
    unit : {'electron', 'adu'}
        Of what is corrected.

    Raises
    ------
    ValueError
        A method does not fit the detector, or linearity is asked for on top of the electronic level; it names the
        parameter and the amplifier.
    """
    own, overscan = instrument.detector(detector), choices.overscans(instrument)
    geometry = own.geometry(overscan)
    signature = Signature(
        overscan=overscan.plain(),
        parallel=overscan.parallel.plain(),
        unit=unit,
        linearity=own.linearities(unit) if choices.linearity else {},
        defects=own.defect_mask() if choices.defects else None,
    )
    signature.check(geometry)
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
