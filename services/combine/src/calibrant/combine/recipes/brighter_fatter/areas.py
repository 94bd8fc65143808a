"""From pairs of flats to changes of areas, amplifier by amplifier: the gain that counts, and why there are none.

Must not know how boundaries follow from areas, tables of the product, or files.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from calibrant.frames.writing import ProductTables
from calibrant.pixels.brighter_fatter import Correlations, CorrelationSettings, LevelReason, correlations
from calibrant.pixels.brighter_fatter.correlations import ZeroSum
from calibrant.pixels.photon_transfer import Curve, fit_curves

NO_LEVEL: Final = "no level of the flats could be used"
SAME_LEVEL: Final = 1e-3
"""How far above the turnoff a level may lie that is still the turnoff's: flats that a curve was made of are not the same to the last digit
once they are corrected by its gains."""


@dataclass(frozen=True, slots=True)
class KnownGain:
    """What counts electrons of an amplifier, and up to where.

    Parameters
    ----------
    gain, gain_error : float
        In electron/ADU; NaN where `reason` says why.
    noise_e : float
        Read noise in electrons: of the overscans, else of the curve.
    turnoff_adu : float
        Highest level that counts.
    origin : {'ptc', 'pairs'}
        A photon transfer curve that was given, or one that was fitted to the same pairs.
    reason : str
        Why there is none, else empty.
    """

    gain: float
    gain_error: float
    noise_e: float
    turnoff_adu: float
    origin: Literal["ptc", "pairs"]
    reason: str


@dataclass(frozen=True, slots=True)
class Levels:
    """Which levels count, and how they become one matrix.

    Parameters
    ----------
    least_adu : float
        Lowest level.
    most_adu : float or None
        Highest; None: the turnoff.
    reject : float
        See `CorrelationSettings`.
    zero_sum : str
        The same.
    """

    least_adu: float
    most_adu: float | None
    reject: float
    zero_sum: ZeroSum


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredAreas:
    """What the pairs say of an amplifier.

    Parameters
    ----------
    known : KnownGain
        Its gain.
    found : Correlations or None
        None where they were not computed.
    reason : str
        Why there are no areas, else empty.
    """

    known: KnownGain
    found: Correlations | None
    reason: str


def known_gains(curves: Mapping[str, Curve], given: ProductTables | None) -> dict[str, KnownGain]:
    """Return the gain of each amplifier: of a photon transfer curve that is given, else fitted to these pairs.

    Parameters
    ----------
    curves : mapping
        What the pairs say, by amplifier.
    given : ProductTables or None
        A product of kind ``ptc``.
    """
    if given is not None:
        return {name: _of_product(given, name) for name in curves}
    return {
        name: KnownGain(fit.gain, fit.gain_error, fit.noise_e, fit.turnoff, "pairs", str(fit.reason or ""))
        for name, fit in fit_curves(curves).items()
    }


def _of_product(given: ProductTables, amplifier: str) -> KnownGain:
    table = given.table("AMPLIFIERS")
    rows = np.flatnonzero(table["AMPLIFIER"] == amplifier)
    if not rows.size:
        return KnownGain(
            math.nan,
            math.nan,
            math.nan,
            math.nan,
            "ptc",
            "the photon transfer curve that was given does not have it",
        )
    gain, error, noise, turnoff = (
        float(table[name][rows[0]]) for name in ("GAIN", "GAIN_ERR", "NOISE", "TURNOFF")
    )
    return KnownGain(gain, error, noise, turnoff, "ptc", str(table["REASON"][rows[0]]))


def with_noise(known: KnownGain, noise_adu: Iterable[float]) -> KnownGain:
    """Return it with the noise of the pairs' overscans, which a curve's extrapolation to no light is worse than.

    Parameters
    ----------
    known : KnownGain
        With the noise of a curve.
    noise_adu : iterable of float
        Of each pair; NaN where there is no overscan.
    """
    squares = np.square([one for one in noise_adu if math.isfinite(one)])
    return replace(known, noise_e=known.gain * math.sqrt(squares.mean())) if squares.size else known


def measured_areas(curve: Curve, known: KnownGain, levels: Levels) -> MeasuredAreas:
    """Return the changes of areas of an amplifier, or why there are none."""
    if curve.reason is not None or known.reason:
        return MeasuredAreas(known, None, str(curve.reason or known.reason))
    if curve.covariances is None or curve.n_pairs is None:
        return MeasuredAreas(known, None, NO_LEVEL)
    most = known.turnoff_adu * (1 + SAME_LEVEL) if levels.most_adu is None else levels.most_adu
    if not levels.least_adu < most:
        return MeasuredAreas(
            known, None, f"{NO_LEVEL}: its highest, {most:.6g} ADU, is not above {levels.least_adu:.6g}"
        )
    found = correlations(
        curve.means,
        curve.covariances,
        curve.n_pairs,
        gain_e_per_adu=known.gain,
        gain_error_e_per_adu=known.gain_error,
        read_noise_e=known.noise_e,
        settings=CorrelationSettings(
            levels.least_adu * known.gain, most * known.gain, levels.reject, levels.zero_sum
        ),
    )
    return MeasuredAreas(known, found, "" if found.found else f"{NO_LEVEL}: {_commonest(found.levels)}")


def found_in(areas: Mapping[str, MeasuredAreas]) -> dict[str, Correlations]:
    """Return the changes of areas of the amplifiers that have some."""
    return {name: one.found for name, one in areas.items() if one.found is not None and one.found.found}


def used_pairs(curve: Curve, areas: MeasuredAreas) -> list[int]:
    """Return the numbers of the pairs whose levels were used."""
    if areas.found is None:
        return []
    levels = zip(curve.pairs.tolist(), areas.found.levels, strict=True)
    return [number for number, level in levels if level is LevelReason.USED]


def _commonest(levels: tuple[LevelReason, ...]) -> str:
    return str(Counter(levels).most_common(1)[0][0])
