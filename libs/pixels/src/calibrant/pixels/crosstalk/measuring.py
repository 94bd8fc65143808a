"""Coefficients of the crosstalk from one exposure with bright sources: a robust joint fit for each victim.

It owns the choice of pixels and the fit; it must not know how exposures are combined or coefficients applied.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.crosstalk.joint_fit import Level, robust_fit
from calibrant.pixels.crosstalk.matrix import CrosstalkMatrix, Reason
from calibrant.pixels.crosstalk.scene import Scene, Signal, Source, Victim, as_victim, common_shape, survey
from calibrant.pixels.growing import grown
from calibrant.pixels.image import ReadoutPlane, Unit
from calibrant.pixels.smooth import surface_terms

_LEAST_BRIGHT: Final = 200
"""Of a source, however many sources there are."""


@dataclass(frozen=True)
class CrosstalkFit:
    """How coefficients are measured.

    Parameters
    ----------
    bright
        Signal above the level from which a pixel of a source is used, in the unit of the frames.
    terms
        1: linear; 2: with the square of the signal.
    largest
        No more than this part of a signal leaks, or it is not crosstalk: pixels of a victim that are further from its level than that times the
        signals of the sources, and `sigma` standard deviations, show light of their own and are left out.
    grow
        Pixels around those that are left out too: the wings of that light.
    sigma
        Standard deviations of the residuals beyond which pixels are left out of the fit.
    iterations
        Rounds of fit and clipping, at most.
    fewest
        Pixels that a source needs.
    degree
        Of the polynomial surface that is the level of an amplifier.
    most
        Bright pixels of all sources together that are used, evenly chosen, but 200 of each at least. It bounds memory,
        and is no other where there is less of that: the same frames give the same coefficients.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    bright: float = 10_000.0
    terms: int = 1
    largest: float = 0.01
    grow: int = 8
    sigma: float = 5.0
    iterations: int = 5
    fewest: int = 30
    degree: int = 1
    most: int = 100_000

    def __post_init__(self) -> None:
        for name in ("bright", "largest", "sigma"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"crosstalk: {name} is {getattr(self, name)}, must be positive")
        if self.terms not in {1, 2}:
            raise ValueError(f"crosstalk: terms is {self.terms}, must be 1 or 2")
        for name, least in (("grow", 0), ("iterations", 1), ("fewest", 3), ("degree", 0), ("most", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"crosstalk: {name} is {getattr(self, name)}, must be at least {least}")


_DEFAULTS: Final = CrosstalkFit()


def measure_crosstalk(
    victims: Mapping[str, ReadoutPlane],
    sources: Mapping[str, ReadoutPlane] | None = None,
    *,
    fit: CrosstalkFit = _DEFAULTS,
    unit: Unit = "electron",
) -> CrosstalkMatrix:
    """Measure what leaks from sources into victims in one exposure.

    For each victim, ``T = sum_s (c0_s S_s + c1_s S_s**2)`` is fitted by least squares to all pixels that are bright in
    one source at least, with all sources together, so that sources that are bright at the same time do not count for
    each other. T is above the victim's level, S is the source's signal; what leaks of the sources' own levels is in the
    victim's, which is fitted with the coefficients, to pixels where nobody is bright as well. Pixels with large
    residuals are left out and it is fitted again.

    Parameters
    ----------
    victims
        Planes in readout order, by channel, the overscan subtracted; see
        :func:`calibrant.pixels.crosstalk.readout_planes`.
    sources
        The same of those that leak, of this and of other detectors read at the same time; None: the victims.
    fit
        How.
    unit
        Of the planes.

    Returns
    -------
    CrosstalkMatrix
        A pair that cannot be measured has its reason; the others go on. Errors are those of the fit, from the
        scatter of its residuals.

    Raises
    ------
    ValueError
        When there is no plane, or data and mask differ in shape.
    """
    sources = victims if sources is None else sources
    if not victims or not sources:
        raise ValueError("crosstalk: no victims or no sources; give the planes of one amplifier at least")
    shape = common_shape({**sources, **victims})
    scene = survey(sources, shape, fit.bright, fit.degree, max(_LEAST_BRIGHT, fit.most // len(sources)))
    bright = scene.bright_pixels()
    seen = _Seen(scene, bright, scene.signals(bright, fit.bright))
    rows = [
        _measure_victim(name, as_victim(one, shape, scene.quiet, fit.degree, fit.grow), seen, fit)
        for name, one in victims.items()
    ]
    return CrosstalkMatrix(
        tuple(victims),
        tuple(sources),
        np.stack([row.coefficients for row in rows]),
        np.stack([row.covariance for row in rows]),
        np.stack([row.count for row in rows]),
        tuple(tuple(row.reasons) for row in rows),
        unit,
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """The sources, and what they show in the pixels that are bright in one of them at least."""

    scene: Scene
    pixels: NDArray[np.intp]
    signals: Mapping[str, Signal]


@dataclass(eq=False)
class _Row:
    """What is found for one victim, before it is in a matrix."""

    sources: int
    terms: int
    reasons: list[Reason] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.coefficients = np.full((self.sources, self.terms), np.nan)
        self.covariance = np.full((self.sources, self.terms, self.terms), np.nan)
        self.count = np.zeros(self.sources, dtype=np.int64)


def _measure_victim(name: str, victim: Victim, seen: _Seen, fit: CrosstalkFit) -> _Row:
    row = _Row(len(seen.signals), fit.terms)
    pixels = victim.usable & seen.scene.known & _without_own_light(victim, seen.scene.light_beside(name), fit)
    usable = pixels.reshape(-1)[seen.pixels]
    row.reasons = [
        Reason.SAME_AMPLIFIER
        if other == name
        else _reason(source, victim, int((seen.signals[other].bright & usable).sum()), fit)
        for other, source in seen.scene.sources.items()
    ]
    leaking = {
        place: signal
        for place, (signal, reason) in enumerate(zip(seen.signals.values(), row.reasons, strict=True))
        if reason is Reason.MEASURED
    }
    if leaking:
        _fit_row(row, victim, leaking, seen.pixels, usable, fit)
    return row


def _without_own_light(victim: Victim, light: NDArray[np.float64], fit: CrosstalkFit) -> NDArray[np.bool_]:
    """Say which pixels of a victim lie far from light of its own: from what is more than all sources can leak."""
    own = victim.usable & (np.abs(victim.excess) > fit.largest * light + fit.sigma * victim.noise)
    return ~grown(own, fit.grow)


def _reason(source: Source, victim: Victim, usable: int, fit: CrosstalkFit) -> Reason:
    """Say whether there are pixels to measure with, before anything is fitted."""
    if not source.usable:
        return Reason.SOURCE_UNUSABLE
    if victim.reason is not Reason.MEASURED:
        return victim.reason
    bright = source.bright.size
    if bright < fit.fewest and source.saturated >= max(bright, 1):
        return Reason.SATURATED_SOURCES
    if bright == 0:
        return Reason.NO_BRIGHT_PIXELS
    return Reason.MEASURED if usable >= fit.fewest else Reason.TOO_FEW_PIXELS


def _fit_row(  # noqa: PLR0917 - the row, and what it is fitted to
    row: _Row,
    victim: Victim,
    sources: Mapping[int, Signal],
    pixels: NDArray[np.intp],
    usable: NDArray[np.bool_],
    fit: CrosstalkFit,
) -> None:
    """Fit the sources of one victim together and put what is found into its row."""
    chosen = usable & np.any([one.bright for one in sources.values()], axis=0)
    signals = [values[chosen] for one in sources.values() for values in one.powers(fit.terms)]
    surface = surface_terms(victim.excess.shape, fit.degree)
    level = _known_level(victim, surface, pixels, fit.sigma)
    surface_there = surface.reshape(len(surface), -1)[:, pixels[chosen]]
    design = np.stack([*signals, *surface_there], axis=1)
    scale = np.sqrt((design**2).mean(axis=0))
    scale[len(signals) :] = 1
    design /= scale
    values = victim.excess.reshape(-1)[pixels[chosen]]
    solution, covariance, kept, apart = robust_fit(
        design, values, level, sigma=fit.sigma, iterations=fit.iterations
    )
    solution, covariance = solution / scale, covariance / np.outer(scale, scale)
    for index, (place, source) in enumerate(sources.items()):
        own = slice(index * fit.terms, (index + 1) * fit.terms)
        row.count[place] = int((source.bright[chosen] & kept).sum())
        if not apart[own].all():
            row.reasons[place] = Reason.INSEPARABLE
        elif row.count[place] < fit.fewest:
            row.reasons[place] = Reason.TOO_FEW_PIXELS
        elif _too_large(solution[own], covariance[own, own], float(source.excess[chosen].max()), fit):
            row.reasons[place] = Reason.TOO_LARGE
        else:
            row.coefficients[place], row.covariance[place] = solution[own], covariance[own, own]


def _too_large(
    coefficients: NDArray[np.float64], covariance: NDArray[np.float64], signal: float, fit: CrosstalkFit
) -> bool:
    """Say whether more of a signal leaks than can, by more than the error."""
    powers = signal ** np.arange(len(coefficients))
    error = math.sqrt(float(powers @ covariance @ powers))
    return abs(float(coefficients @ powers)) > fit.largest + fit.sigma * error


def _known_level(
    victim: Victim, surface: NDArray[np.float64], bright: NDArray[np.intp], sigma: float
) -> Level:
    """Sum what pixels without crosstalk say of the level."""
    near = victim.calm & (np.abs(victim.excess) <= sigma * victim.noise)
    near.reshape(-1)[bright] = False
    terms = surface[:, near]
    return terms @ terms.T, terms @ victim.excess[near]
