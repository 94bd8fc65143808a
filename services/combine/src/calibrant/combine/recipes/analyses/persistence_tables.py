"""The tables of a persistence: amplifiers, and the level of each in each dark after the flood. Knows no fit's insides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.analyses.shared import amplifiers_table
from calibrant.combine.recipes.columns import Column, rows_table
from calibrant.frames.writing import ProductTable
from calibrant.pixels.analyses import Fading, Latent, Reason

_NO_FADING: Final = Fading(np.nan, np.nan, np.nan, np.nan, np.nan, 0)


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """What was measured of an amplifier: the light in its flooded pixels, what stayed, and the decay or why there is none."""

    lit: float
    latent: Latent
    fading: Fading | Reason


def tables_of(
    found: Mapping[str, Measured | Reason],
    flood: int,
    after: Sequence[int],
    times_s: NDArray[np.float64],
    unit: str,
) -> tuple[ProductTable, ...]:
    """Return the tables of a persistence.

    Parameters
    ----------
    found : mapping of str to Measured or Reason
        By amplifier.
    flood : int
        Number of the flood among the frames, from 0.
    after : sequence of int
        Numbers of the darks that follow it.
    times_s : ndarray
        (darks,): their middles, since its end.
    unit : str
        Unit of the images.
    """
    return (amplifiers_table(found, _columns(flood, unit)), _levels(found, after, times_s, unit))


def _columns(flood: int, unit: str) -> tuple[Column[Measured], ...]:
    def fading(one: Measured) -> Fading:
        return _NO_FADING if isinstance(one.fading, Reason) else one.fading

    return (
        Column("FLOOD", "Row in PROVENANCE of the flood", lambda _: flood + 1, of=int),
        Column("PIXELS", "Flooded pixels that are followed", lambda m: m.latent.pixels, "pixel", int),
        Column("LIGHT", "Their median signal in the flood", lambda m: m.lit, unit),
        Column("FIRST", "Signal in the first dark after it", _first, unit),
        Column("FIRST_ERR", "Standard error of FIRST", _first_error, unit),
        Column("FRACTION", "FIRST over LIGHT", lambda m: _first(m) / m.lit),
        Column("FRAC_ERR", "Standard error of FRACTION", lambda m: _first_error(m) / m.lit),
        Column("REFERR", "How far off all levels may be together", lambda m: m.latent.reference_error, unit),
        Column("AMPLITUD", "Decaying signal at the end of the flood", lambda m: fading(m).amplitude, unit),
        Column("AMPL_ERR", "Standard error of AMPLITUD", lambda m: fading(m).amplitude_error, unit),
        Column("DECAY", "Time in which it falls to 1/e", lambda m: fading(m).time_s, "s"),
        Column("DECAYERR", "Standard error of DECAY", lambda m: fading(m).time_error_s, "s"),
        Column("CHI2", "Chi squared of the decay", lambda m: fading(m).chi2),
        Column("DOF", "Degrees of freedom", lambda m: fading(m).free, of=int),
        Column(
            "DECAYWHY",
            "Why there is no decay",
            lambda m: str(m.fading) if isinstance(m.fading, Reason) else "",
            of=str,
        ),
    )


def _first(one: Measured) -> float:
    return float(one.latent.levels[np.isfinite(one.latent.levels)][0])


def _first_error(one: Measured) -> float:
    """Return the error of the first level, with that of the reference."""
    own = one.latent.errors[np.isfinite(one.latent.levels)][0]
    return float(np.hypot(own, one.latent.reference_error))


def _levels(
    found: Mapping[str, Measured | Reason],
    after: Sequence[int],
    times_s: NDArray[np.float64],
    unit: str,
) -> ProductTable:
    rows = [
        (
            name,
            frame,
            time_s,
            one if isinstance(one, Reason) else (one.latent.levels[n], one.latent.errors[n]),
        )
        for name, one in found.items()
        for n, (frame, time_s) in enumerate(zip(after, times_s.tolist(), strict=True))
    ]

    def number(row: tuple[str, int, float, tuple[float, float] | Reason], place: int) -> float:
        return np.nan if isinstance(row[3], Reason) else float(row[3][place])

    def why(row: tuple[str, int, float, tuple[float, float] | Reason]) -> str:
        if isinstance(row[3], Reason):
            return str(row[3])
        return "" if np.isfinite(row[3][0]) else str(Reason.TOO_FEW_PIXELS)

    return rows_table(
        "LEVELS",
        rows,
        (
            Column("AMPLIFIER", "Name of the amplifier", lambda r: r[0], of=str),
            Column("FRAME", "Its row in PROVENANCE", lambda r: r[1] + 1, of=int),
            Column("TIME", "Middle of it, since the end of the flood", lambda r: r[2], "s"),
            Column("LEVEL", "Mean above the darks before the light", lambda r: number(r, 0), unit),
            Column("LEVEL_ERR", "Standard error of LEVEL", lambda r: number(r, 1), unit),
            Column("REASON", "Why not measured", why, of=str),
        ),
    )
