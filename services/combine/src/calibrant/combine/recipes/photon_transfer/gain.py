"""The gain recipe: gains and read noises by single pairs of flats, without a curve. Knows pixels only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs
from calibrant.combine.recipes.columns import texts
from calibrant.combine.recipes.photon_transfer.flat_pairs import ROLES, MeasuredPair, measured_pairs
from calibrant.combine.recipes.photon_transfer.pair_tables import leftovers_table, pairs_table
from calibrant.combine.recipes.photon_transfer.parameters import SpectrumParameters
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels import Amplifier
from calibrant.pixels.photon_transfer import PairGain, Reason, pair_gain
from calibrant.rules.classification import ImageType


class GainParameters(SpectrumParameters):
    """The parameters of gains from single pairs."""

    min_inputs: int = Field(default=2, ge=1, description="Fewest frames to make it of: one pair.")
    slope: float = Field(
        default=0.0,
        description="By how much the gain of a pair rises with its level, which is taken out. Unit: %/ADU.",
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """What the pairs say about an amplifier: a gain each, NaN where there is none, and all of them together."""

    gains: NDArray[np.float64]
    gain: float
    error: float
    noise_adu: float
    from_overscan: bool
    reason: str


def compute(inputs: RecipeInputs, parameters: GainParameters) -> BuiltTables:
    """Measure the gain of every amplifier.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames, and bias and dark if there are.
    parameters : GainParameters
        How.

    Returns
    -------
    BuiltTables
        ``AMPLIFIERS``, ``PAIRS`` and ``LEFTOVERS``. What cannot be measured says why there; the others go on.

    Raises
    ------
    RecipeRefused
        No two flats are a pair, the pedestal stays in, a dark does not apply, or a frame does not fit the detector.
    """
    pairs = measured_pairs("gain", inputs, parameters, lags=None, join_bins=True)
    found = {one.name: _found(one, pairs.measured, parameters.slope) for one in inputs.geometry.amplifiers}
    numbers = {id(pair): number for number, pair in enumerate(pairs.measured)}
    return BuiltTables(
        tables=(
            _amplifiers(found),
            pairs_table(pairs.measured, found, lambda name, pair: found[name].gains[numbers[id(pair)]]),
            leftovers_table(pairs.leftovers),
        ),
        backend="numpy",
        used=pairs.used,
    )


def _found(amplifier: Amplifier, pairs: Sequence[MeasuredPair], slope: float) -> _Found:
    """Join the gains of single pairs: their mean by weight, with the larger of its error and what they scatter."""
    noises = np.array([pair.noise_adu[amplifier.name] for pair in pairs])
    overscan = bool(np.isfinite(noises).all())
    nominal = amplifier.read_noise_e / amplifier.gain_e_per_adu
    used = noises if overscan else np.full(len(pairs), nominal)
    each = [
        pair_gain(pair.statistics[amplifier.name], noise)
        for pair, noise in zip(pairs, used.tolist(), strict=True)
    ]
    factors = np.array([1 - slope * one.mean / 100 for one in each])
    gains = np.array([one.gain for one in each]) * factors
    gain, error = _joined(gains, np.array([one.gain_error for one in each]) * factors)
    noise = math.sqrt(float(np.square(used).mean()))
    return _Found(gains, gain, error, noise, overscan, "" if math.isfinite(gain) else _why(each))


def _joined(gains: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, float]:
    known = np.isfinite(gains)
    if not known.any():
        return math.nan, math.nan
    gains, weights = gains[known], errors[known] ** -2
    mean = float(np.average(gains, weights=weights))
    spread = float((weights * (gains - mean) ** 2).sum()) / max(len(gains) - 1, 1)
    return mean, math.sqrt(max(spread, 1.0) / float(weights.sum()))


def _why(gains: Sequence[PairGain]) -> str:
    return str(next((one.reason for one in gains if one.reason is not None), Reason.NO_PAIRS))


def _amplifiers(found: dict[str, _Found]) -> ProductTable:
    rows = list(found.values())

    def of(values: Sequence[Any], kind: type = float) -> Any:
        return np.array(values, dtype=kind)

    return ProductTable(
        "AMPLIFIERS",
        (
            TableColumn("AMPLIFIER", texts(found), "Name of the amplifier"),
            TableColumn("GAIN", of([one.gain for one in rows]), "Gain", "electron/adu"),
            TableColumn(
                "GAIN_ERR", of([one.error for one in rows]), "Standard error of GAIN", "electron/adu"
            ),
            TableColumn("NOISE", of([one.noise_adu * one.gain for one in rows]), "Read noise", "electron"),
            TableColumn(
                "NOISE_FROM",
                texts("overscan" if one.from_overscan else "nominal" for one in rows),
                "Where from",
            ),
            TableColumn(
                "MEASURED",
                of([np.count_nonzero(np.isfinite(one.gains)) for one in rows], np.int32),
                "Pairs that gave a gain",
            ),
            TableColumn("REASON", texts(one.reason for one in rows), "Why there is no gain"),
        ),
    )


GAIN = Recipe(
    name="gain",
    version="1",
    summary="Gains and read noises by single pairs of flats.",
    image_type=ImageType.FLAT,
    roles=ROLES,
    parameters=GainParameters,
    compute=compute,
)
