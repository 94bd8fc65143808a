"""Between which values a good pixel lies: standard deviations, fixed values, or the limits of cosmetic masks.

It owns the three rules and their defaults; it must not know how levels are measured or what becomes of a pixel outside.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier
from calibrant.pixels.image import Unit

ImageKind = Literal["bias", "dark", "flat"]


@dataclass(frozen=True, eq=False, slots=True)
class Searched:
    """One image that is searched.

    Parameters
    ----------
    kind
        "bias" and "dark" have no light, "flat" has even light.
    data
        (ny, nx), any real type, corrected up to what is searched for: a dark without its bias, a flat without both.
    mask
        uint32, (ny, nx), or None: every pixel is good.
    unit
        Of `data`: "electron" or "adu"; of no account for a flat, which is compared with its own level.
    dark_time_s
        Of a dark: what its data were collected in, in s; None: they are per second.
    """

    kind: ImageKind
    data: NDArray[Any]
    mask: NDArray[Any] | None = None
    unit: Unit = "electron"
    dark_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Values below `low` and above `high` are defects, in the image's unit; infinite: nothing is one on that side."""

    low: float = -math.inf
    high: float = math.inf


class Thresholds(Protocol):
    """A rule that says which values of an amplifier are defects."""

    def bounds(self, image: Searched, amplifier: Amplifier, level: float, spread: float) -> Bounds | None:
        """Give the bounds in an amplifier with this level and spread; None: such an image is not searched so."""
        ...


@dataclass(frozen=True, slots=True)
class Sigmas:
    """Rubin's ``STDEV``: so many standard deviations from the amplifier's clipped mean.

    A dark is searched for bright pixels, a flat for both; a bias is not searched.

    Parameters
    ----------
    bright, dark
        Standard deviations above and below the level, positive.

    Raises
    ------
    ValueError
        When one is not positive.

    Notes
    -----
    Defaults of cp_pipe's MeasureDefectsTask (nSigmaBright 4.8, nSigmaDark -5.0). The standard deviation is clipped here, so
    that hot pixels do not hide each other by widening it.
    """

    bright: float = 4.8
    dark: float = 5.0

    def __post_init__(self) -> None:
        _positive(self, "bright", "dark")

    def bounds(self, image: Searched, amplifier: Amplifier, level: float, spread: float) -> Bounds | None:  # noqa: ARG002  rules are told the amplifier
        """Give the bounds."""
        if image.kind == "bias":
            return None
        high = level + self.bright * spread
        return Bounds(level - self.dark * spread if image.kind == "flat" else -math.inf, high)


@dataclass(frozen=True, slots=True)
class Values:
    """Rubin's ``VALUE``: fixed values.

    Parameters
    ----------
    dark_e_per_s
        A dark's pixels above it are defects, in electron/s.
    bias_adu
        A bias's pixels so far above the amplifier's level are defects, in ADU.
    flat_fraction
        A flat's pixels below this part of the amplifier's level are defects.

    Raises
    ------
    ValueError
        When one is not positive.

    Notes
    -----
    Defaults of cp_pipe's MeasureDefectsTask. A dark that is not per second is compared with the rate times its dark
    time, and in ADU divided by the amplifier's gain.
    """

    dark_e_per_s: float = 5.0
    bias_adu: float = 1000.0
    flat_fraction: float = 0.8

    def __post_init__(self) -> None:
        _positive(self, "dark_e_per_s", "bias_adu", "flat_fraction")

    def bounds(self, image: Searched, amplifier: Amplifier, level: float, spread: float) -> Bounds | None:  # noqa: ARG002  rules are told all
        """Give the bounds."""
        if image.kind == "flat":
            return Bounds(low=self.flat_fraction * level)
        in_electrons = image.unit == "electron"
        if image.kind == "bias":
            return Bounds(high=level + self.bias_adu * (amplifier.gain_e_per_adu if in_electrons else 1.0))
        time_s = 1.0 if image.dark_time_s is None else image.dark_time_s
        return Bounds(high=self.dark_e_per_s * time_s / (1.0 if in_electrons else amplifier.gain_e_per_adu))


@dataclass(frozen=True, slots=True)
class Cosmetic:
    """The limits of vison's cosmetic masks: a dark's pixels between two values in ADU, a flat's between two parts.

    Parameters
    ----------
    dark_low_adu, dark_high_adu
        Between these a pixel of a dark exposure is good, in ADU (not per second); a bias is not searched.
    flat_low, flat_high
        Between these parts of the amplifier's level a pixel of a flat is good.

    Raises
    ------
    ValueError
        When a lower limit is not below its upper one.
    """

    dark_low_adu: float = -1000.0
    dark_high_adu: float = 50.0
    flat_low: float = 0.5
    flat_high: float = 1.5

    def __post_init__(self) -> None:
        for low, high in (("dark_low_adu", "dark_high_adu"), ("flat_low", "flat_high")):
            if not getattr(self, low) < getattr(self, high):
                raise ValueError(f"{low}: {getattr(self, low)}, must be below {high} {getattr(self, high)}")

    def bounds(self, image: Searched, amplifier: Amplifier, level: float, spread: float) -> Bounds | None:  # noqa: ARG002  rules are told all
        """Give the bounds; None for a dark per second too, whose counts are not known."""
        if image.kind == "flat":
            return Bounds(self.flat_low * level, self.flat_high * level)
        if image.kind == "bias" or image.dark_time_s is None:
            return None
        to_unit = amplifier.gain_e_per_adu if image.unit == "electron" else 1.0
        return Bounds(self.dark_low_adu * to_unit, self.dark_high_adu * to_unit)


def _positive(rule: object, *names: str) -> None:
    for name in names:
        value = getattr(rule, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: {value}, must be a positive number")
