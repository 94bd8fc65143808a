"""The tables of a bias stability: amplifiers, each in each frame, and shifts. Knows no fit's insides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibrant.combine.recipes.analyses.shared import amplifiers_table
from calibrant.combine.recipes.columns import Column, rows_table, texts
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.analyses import BiasSeries, Reason, Shift


@dataclass(frozen=True, slots=True)
class Overscans:
    """What overscans say, frame by frame, by amplifier: levels in ADU, NaN without one; and shifts, or why none."""

    levels_adu: dict[str, list[float]]
    shifts: dict[str, list[tuple[Shift, ...] | Reason]]


def tables_of(
    found: Mapping[str, BiasSeries | Reason], overscans: Overscans, hours: Sequence[float], unit: str
) -> tuple[ProductTable, ...]:
    """Return the tables of a bias stability.

    Parameters
    ----------
    found : mapping of str to BiasSeries or Reason
        By amplifier; the drift is by hours.
    overscans : Overscans
        Of the same frames.
    hours : sequence of float
        When the frames began, from the first on.
    unit : str
        Unit of the images.
    """
    return (
        amplifiers_table(found, _columns(unit), _overscan_columns(found, overscans)),
        _frames(found, overscans, hours, unit),
        _shifts(overscans),
    )


def _columns(unit: str) -> tuple[Column[BiasSeries], ...]:
    return (
        Column("MEAN", "Mean of the frames' levels", lambda s: float(np.nanmean(s.mean)), unit),
        Column("SCATTER", "Standard deviation of the levels", lambda s: s.scatter, unit),
        Column("DRIFT", "Slope of the levels over time", lambda s: s.drift.slope, f"{unit}/h"),
        Column("DRIFT_ERR", "Standard error of DRIFT", lambda s: s.drift.slope_error, f"{unit}/h"),
        Column("NOISE", "Median of the frames' noise", lambda s: float(np.nanmedian(s.noise)), unit),
        Column(
            "NOISESCAT",
            "Standard deviation of the noise",
            lambda s: float(s.noise[np.isfinite(s.noise)].std(ddof=1)),
            unit,
        ),
        Column("CORNERSC", "Scatter of the readout corner's levels", _corner_scatter, unit),
        Column("ROWSCAT", "Scatter of the profile along rows", lambda s: s.rows_scatter, unit),
        Column("COLSCAT", "Scatter of the profile along columns", lambda s: s.columns_scatter, unit),
        Column("USED", "Frames measured", lambda s: np.isfinite(s.mean).sum(), of=int),
    )


def _corner_scatter(series: BiasSeries) -> float:
    known = series.corner[np.isfinite(series.corner)]
    return float(known.std(ddof=1)) if known.size > 1 else float("nan")


def _overscan_columns(
    found: Mapping[str, BiasSeries | Reason], overscans: Overscans
) -> tuple[TableColumn, ...]:
    levels = np.array([overscans.levels_adu[name] for name in found])
    steps = [overscans.shifts[name] for name in found]
    seen = [[one for one in frames if not isinstance(one, Reason)] for frames in steps]
    whys = [next((str(one) for one in frames if isinstance(one, Reason)), "") for frames in steps]
    sizes = [[abs(shift.size) for one in frames for shift in one] for frames in seen]
    return (
        TableColumn("OVERSCAN", levels.mean(axis=1), "Mean level of the overscan", "adu"),
        TableColumn("OVERSCAT", levels.std(axis=1, ddof=1), "Standard deviation of these levels", "adu"),
        TableColumn("SHIFTS", _integers(len(one) for one in sizes), "Steps of the level within frames"),
        TableColumn("SHIFTED", _integers(sum(map(bool, one)) for one in seen), "Frames with a shift"),
        TableColumn("SEARCHED", _integers(map(len, seen)), "Frames searched for shifts"),
        TableColumn("LARGEST", np.array([max(one, default=0.0) for one in sizes]), "Largest shift", "adu"),
        TableColumn("SHIFTWHY", texts(whys), "Why a frame was not searched"),
    )


def _integers(values: object) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(list(values), dtype=np.int32)  # type: ignore[call-overload]


def _frames(
    found: Mapping[str, BiasSeries | Reason], overscans: Overscans, hours: Sequence[float], unit: str
) -> ProductTable:
    rows = [
        (name, number, *_of_frame(series, number), overscans.levels_adu[name][number])
        for name, series in found.items()
        for number in range(len(hours))
    ]

    def why(row: tuple[str, int, float, float, float, float]) -> str:
        one = found[row[0]]
        if isinstance(one, Reason):
            return str(one)
        return "" if np.isfinite(row[2]) else str(Reason.TOO_FEW_PIXELS)

    return rows_table(
        "FRAMES",
        rows,
        (
            Column("AMPLIFIER", "Name of the amplifier", lambda r: r[0], of=str),
            Column("FRAME", "Its row in PROVENANCE", lambda r: r[1] + 1, of=int),
            Column("TIME", "Begin, from the first frame's on", lambda r: hours[r[1]], "h"),
            Column("MEAN", "Clipped mean", lambda r: r[2], unit),
            Column("NOISE", "Clipped standard deviation", lambda r: r[3], unit),
            Column("CORNER", "Clipped mean of the readout corner", lambda r: r[4], unit),
            Column("OVERSCAN", "Level of the overscan", lambda r: r[5], "adu"),
            Column("REASON", "Why not measured", why, of=str),
        ),
    )


def _of_frame(series: BiasSeries | Reason, number: int) -> tuple[float, float, float]:
    if isinstance(series, Reason):
        return (np.nan, np.nan, np.nan)
    return (series.mean[number], series.noise[number], series.corner[number])


def _shifts(overscans: Overscans) -> ProductTable:
    rows = [
        (name, number, shift)
        for name, frames in overscans.shifts.items()
        for number, found in enumerate(frames)
        if not isinstance(found, Reason)
        for shift in found
    ]
    return rows_table(
        "SHIFTS",
        rows,
        (
            Column("AMPLIFIER", "Name of the amplifier", lambda r: r[0], of=str),
            Column("FRAME", "Its row in PROVENANCE", lambda r: r[1] + 1, of=int),
            Column(
                "ROW", "First row after it, of the overscan, from 1", lambda r: r[2].row + 1, "pixel", int
            ),
            Column("SIZE", "New level less old one", lambda r: r[2].size, "adu"),
            Column("SIZE_ERR", "Standard error of SIZE", lambda r: r[2].error, "adu"),
        ),
    )
