"""The tables that all products of pairs of flats have: a row a pair and amplifier, and a row a frame left over.

It owns their columns; it must not know what is made of the pairs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from calibrant.combine.recipes.columns import texts
from calibrant.combine.recipes.photon_transfer.flat_pairs import MeasuredPair
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.photon_transfer import PairStatistics

PAIRS: Final = "PAIRS"
LEFTOVERS: Final = "LEFTOVERS"


def pairs_table(
    pairs: Sequence[MeasuredPair],
    names: Iterable[str],
    gains: Callable[[str, MeasuredPair], float],
    kept: Mapping[str, set[int]] | None = None,
) -> ProductTable:
    """Return the table ``PAIRS``.

    Parameters
    ----------
    pairs : sequence of MeasuredPair
        All that were measured.
    names : iterable of str
        The amplifiers.
    gains : callable
        ``gains(amplifier, pair)`` is the gain by that pair alone, in electron/ADU; NaN where there is none.
    kept : mapping of str to set of int, or None
        Numbers of the pairs that are on each amplifier's curve; None: there is no curve.
    """
    places = [(number, name) for name in names for number in range(len(pairs))]

    def of(get: Callable[[MeasuredPair, PairStatistics], Any], kind: type = float) -> Any:
        return np.array([get(pairs[n], pairs[n].statistics[name]) for n, name in places], dtype=kind)

    return ProductTable(
        PAIRS,
        (
            TableColumn("AMPLIFIER", texts(name for _, name in places), "Name of the amplifier"),
            TableColumn(
                "FIRST", of(lambda p, _: p.frames[0] + 1, np.int32), "First frame: its row in PROVENANCE"
            ),
            TableColumn(
                "SECOND", of(lambda p, _: p.frames[1] + 1, np.int32), "Second frame: its row in PROVENANCE"
            ),
            TableColumn("EXPTIME", of(lambda p, _: p.exptime_s), "Exposure time of the first", "s"),
            TableColumn("MEAN", of(lambda _, s: s.mean), "Mean level of both", "adu"),
            TableColumn("VARIANCE", of(lambda _, s: s.variance), "Variance of one frame", "adu2"),
            TableColumn(
                "GAIN",
                np.array([gains(name, pairs[n]) for n, name in places], dtype=float),
                "Gain by this pair alone",
                "electron/adu",
            ),
            TableColumn("PIXELS", of(lambda _, s: s.n_pixels, np.int32), "Pixels measured", "pixel"),
            TableColumn("LEVELS", of(lambda _, s: s.levels), "Mean levels of the two", "adu"),
            TableColumn(
                "ROW_VAR", of(lambda _, s: s.row_means_variance), "Variance of the rows' means", "adu2"
            ),
            TableColumn(
                "NOISE",
                np.array([pairs[n].noise_adu[name] for n, name in places], dtype=float),
                "Noise of the overscans",
                "adu",
            ),
            TableColumn(
                "REASON",
                texts(pairs[n].statistics[name].reason or "" for n, name in places),
                "Why not measured",
            ),
            *(() if kept is None else (_on_curve(places, kept),)),
            *_covariances([pairs[n].statistics[name] for n, name in places]),
        ),
    )


def _on_curve(places: Sequence[tuple[int, str]], kept: Mapping[str, set[int]]) -> TableColumn:
    return TableColumn(
        "ON_CURVE", np.array([n in kept[name] for n, name in places], dtype=bool), "Whether the fit has it"
    )


def _covariances(measured: Sequence[PairStatistics]) -> tuple[TableColumn, ...]:
    side = next((len(one.covariances) for one in measured if one.covariances is not None), 0)
    if not side:
        return ()
    nothing = np.full((side, side), np.nan)
    return (
        TableColumn(
            "COV",
            np.array([nothing if one.covariances is None else one.covariances for one in measured]),
            "Covariances by rows and columns apart",
            "adu2",
        ),
        TableColumn(
            "COV_COUNT",
            np.array([np.zeros((side, side)) if one.n_pairs is None else one.n_pairs for one in measured]),
            "Pairs of pixels that each rests on",
        ),
    )


def leftovers_table(leftovers: Mapping[int, str]) -> ProductTable:
    """Return the table ``LEFTOVERS``: frames in no pair, by number from 0, and why."""
    numbers = sorted(leftovers)
    return ProductTable(
        LEFTOVERS,
        (
            TableColumn("FRAME", np.array(numbers, dtype=np.int32) + np.int32(1), "Its row in PROVENANCE"),
            TableColumn("REASON", texts(leftovers[number] for number in numbers), "Why it is in no pair"),
        ),
    )
