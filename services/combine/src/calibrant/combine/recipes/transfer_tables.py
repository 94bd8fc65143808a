"""The tables of a photon transfer curve: one row an amplifier, a pair and amplifier, a frame left over. Knows no fit's insides.

The columns' descriptions and units are written with them; what could not be had is NaN, and REASON says why.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from calibrant.combine.recipes.flat_pairs import MeasuredPair
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.photon_transfer import Curve, PairStatistics, TransferFit, pair_gain

AMPLIFIERS: Final = "AMPLIFIERS"
PAIRS: Final = "PAIRS"
LEFTOVERS: Final = "LEFTOVERS"
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
    tables = [_amplifiers(curves, fits), _pairs(pairs, curves, fits), _leftovers(leftovers)]
    if any(fit.terms is not None for fit in fits.values()):
        tables.append(_terms(fits))
    return tuple(tables)


def _amplifiers(curves: Mapping[str, Curve], fits: Mapping[str, TransferFit]) -> ProductTable:
    def of(get: Callable[[TransferFit], Any], kind: type = float) -> Any:
        return np.array([get(fit) for fit in fits.values()], dtype=kind)

    return ProductTable(
        AMPLIFIERS,
        (
            TableColumn("AMPLIFIER", _texts(fits), "Name of the amplifier"),
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
                "ON_BOUND", _texts(" ".join(fit.on_bound) for fit in fits.values()), "Parameters on a bound"
            ),
            TableColumn("REASON", _texts(fit.reason or "" for fit in fits.values()), "Why there is no fit"),
        ),
    )


def _pairs(
    pairs: Sequence[MeasuredPair], curves: Mapping[str, Curve], fits: Mapping[str, TransferFit]
) -> ProductTable:
    places = [(number, name) for name in curves for number in range(len(pairs))]
    kept = {name: set(curves[name].pairs[fits[name].kept].tolist()) for name in curves}

    def of(get: Callable[[MeasuredPair, PairStatistics], Any], kind: type = float) -> Any:
        return np.array([get(pairs[n], pairs[n].statistics[name]) for n, name in places], dtype=kind)

    return ProductTable(
        PAIRS,
        (
            TableColumn("AMPLIFIER", _texts(name for _, name in places), "Name of the amplifier"),
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
                np.array([_pair_gain(pairs[n], name, fits[name]) for n, name in places]),
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
                np.array([pairs[n].noise_adu[name] for n, name in places]),
                "Noise of the overscans",
                "adu",
            ),
            TableColumn(
                "ON_CURVE", np.array([n in kept[name] for n, name in places]), "Whether the fit has it"
            ),
            TableColumn(
                "REASON",
                _texts(pairs[n].statistics[name].reason or "" for n, name in places),
                "Why not measured",
            ),
            *_covariances([pairs[n].statistics[name] for n, name in places]),
        ),
    )


def _pair_gain(pair: MeasuredPair, amplifier: str, fit: TransferFit) -> float:
    """Return the gain by one pair alone, with the noise of its overscans, else that of the curve."""
    known = (pair.noise_adu[amplifier], fit.noise_e / fit.gain)
    noise_adu = next((noise for noise in known if math.isfinite(noise)), 0.0)
    return pair_gain(pair.statistics[amplifier], noise_adu).gain


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


def _leftovers(leftovers: Mapping[int, str]) -> ProductTable:
    numbers = sorted(leftovers)
    return ProductTable(
        LEFTOVERS,
        (
            TableColumn("FRAME", np.array(numbers, dtype=np.int32) + np.int32(1), "Its row in PROVENANCE"),
            TableColumn("REASON", _texts(leftovers[number] for number in numbers), "Why it is in no pair"),
        ),
    )


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
            TableColumn("AMPLIFIER", _texts(found), "Name of the amplifier"),
            *(
                TableColumn(name, np.array([getattr(terms, field) for terms in found.values()]), words, unit)
                for name, field, words, unit in columns
            ),
        ),
    )


def _texts(values: Any) -> Any:
    return np.array([str(value) for value in values], dtype=np.str_)
