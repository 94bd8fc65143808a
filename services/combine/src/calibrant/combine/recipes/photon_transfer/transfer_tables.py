"""The tables of a photon transfer curve: one row an amplifier, beside those that all pairs have. Knows no fit's insides.

The columns' descriptions and units are written with them; what could not be had is NaN, and REASON says why.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from calibrant.combine.recipes.columns import texts
from calibrant.combine.recipes.photon_transfer.flat_pairs import MeasuredPair
from calibrant.combine.recipes.photon_transfer.pair_tables import leftovers_table, pairs_table
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.photon_transfer import Curve, TransferFit, pair_gain

AMPLIFIERS: Final = "AMPLIFIERS"
TERMS: Final = "TERMS"


def tables_of(
    pairs: Sequence[MeasuredPair],
    curves: Mapping[str, Curve],
    fits: Mapping[str, TransferFit],
    leftovers: Mapping[int, str],
) -> tuple[ProductTable, ...]:
    """Return the tables of a photon transfer curve.

    Parameters
    ----------
    pairs : sequence of MeasuredPair
        All that were measured.
    curves, fits : mapping
        What they say together, by amplifier.
    leftovers : mapping of int to str
        Frames in no pair, by number from 0, and why.
    """
    kept = {name: set(curve.pairs[fits[name].kept].tolist()) for name, curve in curves.items()}
    tables = [
        _amplifiers(curves, fits),
        pairs_table(pairs, curves, lambda name, pair: _gain(fits[name], name, pair), kept),
        leftovers_table(leftovers),
    ]
    if any(fit.terms is not None for fit in fits.values()):
        tables.append(_terms(fits))
    return tuple(tables)


def _amplifiers(curves: Mapping[str, Curve], fits: Mapping[str, TransferFit]) -> ProductTable:
    def of(get: Callable[[TransferFit], Any], kind: type = float) -> Any:
        return np.array([get(fit) for fit in fits.values()], dtype=kind)

    return ProductTable(
        AMPLIFIERS,
        (
            TableColumn("AMPLIFIER", texts(fits), "Name of the amplifier"),
            TableColumn("GAIN", of(lambda fit: fit.gain), "Gain", "electron/adu"),
            TableColumn("GAIN_ERR", of(lambda fit: fit.gain_error), "Standard error of GAIN", "electron/adu"),
            TableColumn("NOISE", of(lambda fit: fit.noise_e), "Read noise", "electron"),
            TableColumn(
                "NOISE_ERR", of(lambda fit: fit.noise_error_e), "Standard error of NOISE", "electron"
            ),
            TableColumn(
                "A00", of(lambda fit: fit.a00), "Change of a pixel's area by its charge", "electron-1"
            ),
            TableColumn("A00_ERR", of(lambda fit: fit.a00_error), "Standard error of A00", "electron-1"),
            TableColumn("TURNOFF", of(lambda fit: fit.turnoff), "Highest mean on the curve", "adu"),
            TableColumn(
                "TURNOFF_ERR",
                of(lambda fit: fit.turnoff_sampling_error),
                "Half the step to the next mean",
                "adu",
            ),
            TableColumn("FULLWELL", of(lambda fit: fit.full_well_e), "TURNOFF in electrons", "electron"),
            TableColumn(
                "FULLWELL_LOW",
                of(lambda fit: fit.full_well_is_lower_limit, bool),
                "FULLWELL is a lower limit",
            ),
            TableColumn("POINTS", of(lambda fit: np.count_nonzero(fit.kept), np.int32), "Pairs on the curve"),
            TableColumn(
                "MEASURED",
                np.array([len(curve.means) for curve in curves.values()], dtype=np.int32),
                "Pairs that could be measured",
            ),
            TableColumn("CHI2", of(lambda fit: fit.chi2), "Chi squared of the pairs on the curve"),
            TableColumn("DOF", of(lambda fit: fit.degrees_of_freedom, np.int32), "Degrees of freedom"),
            TableColumn(
                "ON_BOUND", texts(" ".join(fit.on_bound) for fit in fits.values()), "Parameters on a bound"
            ),
            TableColumn("REASON", texts(fit.reason or "" for fit in fits.values()), "Why there is no fit"),
        ),
    )


def _gain(fit: TransferFit, amplifier: str, pair: MeasuredPair) -> float:
    """Return the gain by one pair alone, with the noise of its overscans, else that of the curve."""
    known = (pair.noise_adu[amplifier], fit.noise_e / fit.gain)
    noise_adu = next((noise for noise in known if math.isfinite(noise)), 0.0)
    return pair_gain(pair.statistics[amplifier], noise_adu).gain


def _terms(fits: Mapping[str, TransferFit]) -> ProductTable:
    found = {name: fit.terms for name, fit in fits.items() if fit.terms is not None}
    columns = [
        ("A", "a", "Change of a pixel's area by charge so far away", "electron-1"),
        ("A_ERR", "a_errors", "Standard errors of A", "electron-1"),
        ("B", "b", "Relative change of A with charge", "electron-1"),
        ("B_ERR", "b_errors", "Standard errors of B", "electron-1"),
        ("C", "c", "A times B, as it is fitted", "electron-2"),
        ("C_ERR", "c_errors", "Standard errors of C", "electron-2"),
        ("NOISE", "noise", "Covariances without light", "electron2"),
        ("NOISE_ERR", "noise_errors", "Standard errors of NOISE", "electron2"),
    ]
    return ProductTable(
        TERMS,
        (
            TableColumn("AMPLIFIER", texts(found), "Name of the amplifier"),
            *(
                TableColumn(name, np.array([getattr(terms, field) for terms in found.values()]), words, unit)
                for name, field, words, unit in columns
            ),
        ),
    )
