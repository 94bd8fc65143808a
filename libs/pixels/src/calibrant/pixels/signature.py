"""What is removed from a raw frame, and in which order: declared once, for one frame and for many.

It owns the order of the steps, their kinds and the checks of what they need; it must not know how a step is
computed, nor where frames and references come from.
"""

import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Geometry
from calibrant.pixels.image import ReadoutPlane, Reference, Unit
from calibrant.pixels.levels import parallel_box, serial_box
from calibrant.pixels.linearity import Linearity
from calibrant.pixels.overscan import Overscan

Kind = Literal["pointwise", "barrier"]

Others = Callable[[], Iterable[Mapping[str, ReadoutPlane]]]
"""Gives what other detectors read at the same time, one detector after the other: planes by the name of the channel."""


class Step(enum.Enum):
    """The steps, in the order in which they are taken.

    A pointwise step needs one pixel and numbers of its row, column or amplifier, so pixels can go through all of
    them, and into a combination, one after the other. A barrier looks at other pixels: all that it reaches have to
    be there first.
    """

    ASSEMBLY = "assembly"
    SATURATION = "saturation"
    SERIAL_OVERSCAN = "serial overscan"
    GAIN = "gain"
    CROSSTALK = "crosstalk"
    PARALLEL_OVERSCAN = "parallel overscan"
    LINEARITY = "linearity"
    CHARGE_TRANSFER = "charge transfer"
    BIAS = "bias"
    NOISE = "noise"
    DARK = "dark"
    DEFECTS = "defects"
    BRIGHTER_FATTER = "brighter-fatter"
    COSMIC_RAYS = "cosmic rays"
    FLAT = "flat"
    SCALE = "scale"

    @property
    def kind(self) -> Kind:
        """Pointwise, or a barrier."""
        barriers = (Step.CROSSTALK, Step.CHARGE_TRANSFER, Step.BRIGHTER_FATTER, Step.COSMIC_RAYS)
        return "barrier" if self in barriers else "pointwise"


@dataclass(eq=False, slots=True)
class Band:
    """Rows of one frame on their way through the steps, in place; addressed as in the assembled frame.

    Parameters
    ----------
    rows
        Which rows of the assembled frame.
    data
        (rows, nx), float32, or float64 where the raw samples need it.
    mask
        uint32, (rows, nx).
    variance
        Like `data`; None: it is not wanted, which a signature with barriers never says. It begins at 0: barriers before
        `Step.NOISE` add what they make to it, and that step adds the noise of the signal.
    others
        Of the frame's :class:`Terms`.
    """

    rows: slice
    data: NDArray[Any]
    mask: NDArray[np.uint32]
    variance: NDArray[Any] | None
    others: Others | None = None


class Barrier(Protocol):
    """A step that looks at other pixels than the one it changes."""

    @property
    def reach(self) -> int | None:
        """Rows above and below a pixel that it looks at; None: the whole frame."""
        ...

    def apply(self, band: Band, geometry: Geometry) -> None:
        """Change a band in place; right in all rows but the `reach` ones at its ends, at a frame's end too."""
        ...


@dataclass(frozen=True, eq=False)
class Signature:
    """What is removed from each raw frame; what is None or empty is left out.

    Parameters
    ----------
    overscan
        How the level of each row is measured in the serial overscan (or the level in the parallel one, where there
        is no other); an amplifier without overscan keeps its pedestal.
    parallel
        How what is left then in the parallel overscan is measured, by columns.
    unit
        Unit of what follows: "electron" applies the gains, "adu" does not. References are in it.
    linearity
        By the name of the amplifier, for signals in `unit`.
    bias
        Subtracted as it is.
    dark
        Subtracted times the frame's dark time.
    defects
        uint32, (ny, nx): bits that are joined to every frame's mask.
    flat
        Divides the frame. Where it is not finite or not above zero: NaN and BAD.
    photon_noise
        False leaves the read noise alone: for bias frames, and wherever neither overscan nor bias takes the pedestal
        away, which would else be counted as photons.
    barriers
        What is done at the steps that are barriers.

    Raises
    ------
    ValueError
        When the unit is unknown or a barrier stands at a pointwise step.
    """

    overscan: Overscan = field(default_factory=Overscan)
    parallel: Overscan = field(default_factory=lambda: Overscan("none"))
    unit: Unit = "electron"
    linearity: Mapping[str, Linearity] = field(default_factory=dict)
    bias: Reference | None = None
    dark: Reference | None = None
    defects: NDArray[Any] | None = None
    flat: Reference | None = None
    photon_noise: bool = True
    barriers: Mapping[Step, Barrier] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.unit not in {"electron", "adu"}:
            raise ValueError(f"unit: {self.unit!r}, must be 'electron' or 'adu'")
        for step in self.barriers:
            if not isinstance(step, Step):
                raise ValueError(f"barriers: {step!r}, must be a Step, such as Step.COSMIC_RAYS")  # noqa: TRY004
            if step.kind != "barrier":
                raise ValueError(f"barriers: {step.value!r} is pointwise; a barrier cannot stand there")

    @property
    def reach(self) -> int | None:
        """Rows above and below a pixel that decide on it; None: the whole frame."""
        reaches = [barrier.reach for barrier in self.barriers.values()]
        known = [reach for reach in reaches if reach is not None]
        return sum(known) if len(known) == len(reaches) else None

    def removes_level(self, geometry: Geometry) -> bool:
        """Say whether an overscan takes the electronic level away from every amplifier of a detector."""
        if self.parallel.method != "none":
            return True
        regions = (one.serial_overscan or one.parallel_overscan for one in geometry.amplifiers)
        return self.overscan.method != "none" and all(regions)

    def check(self, geometry: Geometry) -> None:
        """Check that every calibration fits a detector, and that it has the overscans that the methods need.

        Raises
        ------
        ValueError
            When a shape differs, an overscan is missing, or amplifiers and linearities do not match; the message
            says which.
        """
        for amplifier in geometry.amplifiers:
            serial_box(amplifier, self.overscan, self.parallel)
            if self.parallel.method != "none":
                parallel_box(amplifier, self.parallel)
        for name, reference in (("bias", self.bias), ("dark", self.dark), ("flat", self.flat)):
            if reference is not None:
                _check_reference(name, reference, geometry)
        if self.defects is not None:
            _check_plane("defects", self.defects, geometry, "biu")
        names = {amplifier.name for amplifier in geometry.amplifiers}
        if self.linearity and self.linearity.keys() != names:
            missing = ", ".join(sorted(names - self.linearity.keys())) or "none"
            unknown = ", ".join(sorted(self.linearity.keys() - names)) or "none"
            raise ValueError(
                f"linearity: missing for amplifiers {missing}, and unknown are {unknown}; give one for each amplifier "
                "of the detector, or none at all"
            )


@dataclass(frozen=True)
class Terms:
    """What differs from frame to frame.

    Parameters
    ----------
    dark_time_s
        Time in s that a dark per second is multiplied by; 1.0 for a dark of the same dark time; needed with a dark.
    scale
        Divides the frame at the end: one number, or one for each amplifier in the geometry's order.
    weight
        Of its samples in a weighted mean.
    others
        What other detectors read at the same time, where a barrier looks at them; called whenever the frame is corrected.
    """

    dark_time_s: float | None = None
    scale: float | tuple[float, ...] = 1.0
    weight: float = 1.0
    others: Others | None = None

    def scales(self, count: int) -> tuple[float, ...]:
        """Give the scale of each of `count` amplifiers."""
        return self.scale if isinstance(self.scale, tuple) else (self.scale,) * count


def check_terms(terms: Sequence[Terms], geometry: Geometry, *, dark: bool) -> None:
    """Check the terms of frames.

    Parameters
    ----------
    terms
        One for each frame.
    geometry
        The detector.
    dark
        Whether a dark is subtracted.

    Raises
    ------
    ValueError
        When a number is missing or makes no sense; the message names the frame and, of scales, the amplifier.
    """
    for index, one in enumerate(terms):
        time_s = one.dark_time_s
        if dark and (time_s is None or not math.isfinite(time_s) or time_s < 0):
            raise ValueError(
                f"frame {index}: dark_time_s is {time_s}; with a dark give the frame's dark time in s (dark per "
                "second) or 1.0 (dark of the same dark time)"
            )
        if not (math.isfinite(one.weight) and one.weight > 0):
            raise ValueError(f"frame {index}: weight is {one.weight}, must be positive")
        scales = one.scales(len(geometry.amplifiers))
        if len(scales) != len(geometry.amplifiers):
            raise ValueError(
                f"frame {index}: {len(scales)} scales, but the detector has {len(geometry.amplifiers)} amplifiers"
            )
        for amplifier, scale in zip(geometry.amplifiers, scales, strict=True):
            if not (math.isfinite(scale) and scale > 0):
                raise ValueError(
                    f"frame {index}, amplifier {amplifier.name!r}: scale is {scale}, must be positive"
                )


def _check_reference(name: str, reference: Reference, geometry: Geometry) -> None:
    _check_plane(name, reference.data, geometry, "iuf")
    if reference.variance is not None:
        _check_plane(f"{name} variance", reference.variance, geometry, "iuf")
    if reference.mask is not None:
        _check_plane(f"{name} mask", reference.mask, geometry, "biu")


def _check_plane(name: str, plane: NDArray[Any], geometry: Geometry, kinds: str) -> None:
    if plane.shape != geometry.shape:
        raise ValueError(f"{name}: shape {plane.shape}, but the assembled frame has {geometry.shape}")
    if np.ma.isMaskedArray(plane):
        raise ValueError(f"{name}: a masked array; give its .data, and .mask as the mask of a Reference")
    if plane.dtype.kind not in kinds:
        raise ValueError(f"{name}: type {plane.dtype} is not a number that can be used here")
