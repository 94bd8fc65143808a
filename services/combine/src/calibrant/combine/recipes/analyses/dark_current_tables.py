"""The tables of a dark current: amplifiers, their level in each frame, telegraph pixels. Knows no fit's insides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.analyses.shared import amplifiers_table
from calibrant.combine.recipes.columns import Column, rows_table
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.analyses import DarkCurrent, Glow, Reason, TelegraphPixels


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """What was measured of an amplifier: dark current, glow, and errors of its pixels' rates."""

    current: DarkCurrent
    glow: Glow | Reason
    errors: NDArray[np.float64]


def tables_of(
    found: Mapping[str, Measured | Reason],
    levels: Mapping[str, NDArray[np.float64]],
    times_s: Sequence[float],
    jumping: Mapping[str, TelegraphPixels],
    unit: str,
) -> tuple[ProductTable, ...]:
    """Return the tables of a dark current.

    Parameters
    ----------
    found : mapping of str to Measured or Reason
        By amplifier.
    levels : mapping of str to ndarray
        (2, frames): levels and errors, by amplifier.
    times_s : sequence of float
        Dark times.
    jumping : mapping of str to TelegraphPixels
        Of the amplifiers that were searched.
    unit : str
        Unit of the images.
    """
    return (
        amplifiers_table(found, _columns(f"{unit}/s", unit), _telegraph_counts(found, jumping)),
        _levels(levels, times_s, unit),
        _telegraph(jumping, unit),
    )


def _columns(rate: str, unit: str) -> tuple[Column[Measured], ...]:
    def glow(one: Measured) -> Glow:
        return Glow(np.nan, np.nan) if isinstance(one.glow, Reason) else one.glow

    return (
        Column("RATE", "Dark current: slope of the levels", lambda m: m.current.line.slope, rate),
        Column("RATE_ERR", "Standard error of RATE", lambda m: m.current.line.slope_error, rate),
        Column("OFFSET", "Level at no dark time", lambda m: m.current.line.offset, unit),
        Column("OFFSET_ERR", "Standard error of OFFSET", lambda m: m.current.line.offset_error, unit),
        Column("MEDIAN", "Median of the pixels' rates", lambda m: m.current.median, rate),
        Column("P95", "95th percentile of the pixels' rates", lambda m: m.current.percentile, rate),
        Column("PIX_ERR", "Median error of a pixel's rate", lambda m: float(np.nanmedian(m.errors)), rate),
        Column("GLOW", "Rate at the readout corner less elsewhere", lambda m: glow(m).rate, rate),
        Column("GLOW_ERR", "Standard error of GLOW", lambda m: glow(m).error, rate),
        Column(
            "GLOWWHY",
            "Why there is no GLOW",
            lambda m: str(m.glow) if isinstance(m.glow, Reason) else "",
            of=str,
        ),
        Column("USED", "Frames on the line", lambda m: m.current.line.free + 2, of=int),
        Column("REJECTED", "Frames off the line", lambda m: m.current.line.n_rejected, of=int),
        Column("CHI2", "Chi squared of the line", lambda m: m.current.line.chi2),
    )


def _telegraph_counts(
    found: Mapping[str, Any], jumping: Mapping[str, TelegraphPixels]
) -> tuple[TableColumn, ...]:
    counts = [(len(jumping[name].row), jumping[name].tested) if name in jumping else (0, 0) for name in found]
    jumps, tested = np.array(counts, dtype=np.int32).T
    return (
        TableColumn("JUMPING", jumps.copy(), "Telegraph pixels", "pixel"),
        TableColumn("SEARCHED", tested.copy(), "Pixels searched for them; 0: no eight darks", "pixel"),
    )


def _levels(levels: Mapping[str, NDArray[np.float64]], times_s: Sequence[float], unit: str) -> ProductTable:
    rows = [
        (name, number, *one) for name, both in levels.items() for number, one in enumerate(both.T.tolist())
    ]
    return rows_table(
        "LEVELS",
        rows,
        (
            Column("AMPLIFIER", "Name of the amplifier", lambda r: r[0], of=str),
            Column("FRAME", "Its row in PROVENANCE", lambda r: r[1] + 1, of=int),
            Column("DARKTIME", "Dark time", lambda r: times_s[r[1]], "s"),
            Column("LEVEL", "Clipped mean", lambda r: r[2], unit),
            Column("LEVEL_ERR", "Standard error of LEVEL", lambda r: r[3], unit),
            Column(
                "REASON",
                "Why not measured",
                lambda r: "" if np.isfinite(r[2]) else str(Reason.TOO_FEW_PIXELS),
                of=str,
            ),
        ),
    )


def _telegraph(jumping: Mapping[str, TelegraphPixels], unit: str) -> ProductTable:
    rows = [
        (name, column, row, low, high, share, jumps)
        for name, one in jumping.items()
        for row, column, low, high, share, jumps in zip(
            one.row, one.column, one.low, one.high, one.share, one.jumps, strict=True
        )
    ]
    return rows_table(
        "TELEGRAPH",
        rows,
        (
            Column("AMPLIFIER", "Name of the amplifier", lambda r: r[0], of=str),
            Column("X", "Column of the image, from 1", lambda r: r[1] + 1, "pixel", int),
            Column("Y", "Row of the image, from 1", lambda r: r[2] + 1, "pixel", int),
            Column("LOW", "Mean of the low level", lambda r: r[3], unit),
            Column("HIGH", "Mean of the high level", lambda r: r[4], unit),
            Column("SHARE", "Part of the frames at the high level", lambda r: r[5]),
            Column("JUMPS", "Jumps from frame to frame", lambda r: r[6], of=int),
        ),
    )
