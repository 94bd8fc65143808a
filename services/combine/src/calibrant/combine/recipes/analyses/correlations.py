"""The correlations recipe: noise that amplifiers have in common, in differences of biases or of flats. Knows pixels only."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from calibrant.combine.recipes.analyses.correlations_tables import MeasuredPair, tables_of
from calibrant.combine.recipes.base import BuiltTables, FrameInput, Recipe, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.correction import raw_frame
from calibrant.combine.recipes.parameters import Parameters
from calibrant.pixels import Amplifier
from calibrant.pixels.analyses import amplifier_correlations, in_readout_order
from calibrant.rules.classification import ImageType

UNPAIRED: Final = "no other frame of its type, exposure time and filter is left"

Pixels = NDArray[np.float64]


class CorrelationsParameters(Parameters):
    """The parameters of correlations between amplifiers."""

    pixels: Literal["image", "overscan"] = Field(
        default="image",
        description="Which pixels are correlated: those of the image, or of the serial overscan.",
    )
    noise_sigma: float = Field(
        default=5.0,
        gt=0,
        description="How far from its amplifier's mean a pixel may be that counts. Unit: standard deviations.",
    )
    row_groups: int = Field(
        default=20,
        ge=2,
        description="Groups of rows that are left out in turn, for the errors. Unit: groups.",
    )


def compute(inputs: RecipeInputs, parameters: CorrelationsParameters) -> BuiltTables:
    """Correlate the noise of all amplifiers of a detector.

    Frames of one type, exposure time and filter are taken in pairs, in the order of time; what is correlated is the
    difference of a pair, so that what stays drops out. Of a pair of flats both are brought to one level.

    Parameters
    ----------
    inputs : RecipeInputs
        Bias frames, flat frames, or both: each type is measured by itself.
    parameters : CorrelationsParameters
        How.

    Returns
    -------
    BuiltTables
        See `correlations_tables`.

    Raises
    ------
    RecipeRefused
        No two frames are a pair, a frame does not fit the detector, or no amplifier can be measured.
    """
    if len(inputs.geometry.amplifiers) == 1:
        raise RecipeRefused(
            "correlations: the detector has one amplifier, and nothing that it could be correlated with; leave them out"
        )
    pairs, leftovers = _paired(inputs.frames)
    if not pairs:
        raise RecipeRefused(
            f"correlations: no two of the {len(inputs.frames)} frames are of one type, exposure time and filter; take "
            "them in pairs"
        )
    measured = [
        MeasuredPair(
            inputs.frames[pair[0]].image_type,
            pair,
            amplifier_correlations(
                _differences([inputs.frames[n] for n in pair], inputs, parameters.pixels),
                sigma=parameters.noise_sigma,
                groups=parameters.row_groups,
            ),
        )
        for pair in pairs
    ]
    names = [one.name for one in inputs.geometry.amplifiers]
    tables = tables_of(measured, names, leftovers)
    if not tables[0]["PAIRS"].any():
        name, reason = names[0], tables[0]["REASON"][0]
        raise RecipeRefused(f"correlations: no amplifier can be measured; {name}: {reason}")
    return BuiltTables(tables=tables, backend="numpy")


def _paired(frames: Sequence[FrameInput]) -> tuple[list[tuple[int, int]], dict[int, str]]:
    """Return numbers of frames that are pairs, and why others are in none."""

    def likeness(number: int) -> tuple[str, float, str]:
        one = frames[number]
        return (one.image_type, round(one.exptime_s or 0.0, 3), one.filter or "")

    pairs: list[tuple[int, int]] = []
    leftovers: dict[int, str] = {}
    for _, alike in groupby(sorted(range(len(frames)), key=likeness), key=likeness):
        numbers = list(alike)
        pairs += list(zip(numbers[::2], numbers[1::2], strict=False))
        leftovers |= {numbers[-1]: UNPAIRED} if len(numbers) % 2 else {}
    return sorted(pairs), leftovers


def _differences(pair: Sequence[FrameInput], inputs: RecipeInputs, which: str) -> Mapping[str, Pixels | None]:
    """Return the second frame less the first, by amplifier, in the order of readout."""
    wanted = inputs.geometry.raw_shape
    raws = []
    for frame in pair:
        raw = raw_frame(frame)
        if raw.shape != wanted:
            raise RecipeRefused(
                f"{frame.name}: is {raw.shape} (rows, columns), but the detector has {wanted}"
            )
        raws.append(raw)
    flat = pair[0].image_type is ImageType.FLAT
    return {
        one.name: _difference(raws, one, overscan=which == "overscan", equalised=flat)
        for one in inputs.geometry.amplifiers
    }


def _difference(
    raws: Sequence[NDArray[Any]], amplifier: Amplifier, *, overscan: bool, equalised: bool
) -> Pixels | None:
    first, second = (_pixels(raw, amplifier, overscan=overscan) for raw in raws)
    if first is None or second is None:
        return None
    if equalised and not overscan and amplifier.serial_overscan is not None:
        levels = [float(np.median(raw[amplifier.serial_overscan.slices])) for raw in raws]
        first, second = first - levels[0], second - levels[1]
        means = [one[np.isfinite(one)].mean() if np.isfinite(one).any() else 0.0 for one in (first, second)]
        if min(means) > 0:
            second *= means[0] / means[1]
    difference: Pixels = second - first
    return difference


def _pixels(raw: NDArray[Any], amplifier: Amplifier, *, overscan: bool) -> Pixels | None:
    """Return an amplifier's pixels, NaN where they are saturated; None: it has no such pixels."""
    found = in_readout_order(raw, amplifier, overscan=overscan)
    if found is None:
        return None
    pixels = found.astype(np.float64)
    limit = amplifier.saturation_adu
    return pixels if limit is None else np.where(pixels < limit, pixels, np.nan)


CORRELATIONS = Recipe(
    name="correlations",
    version="1",
    summary="Noise that amplifiers have in common, in differences of biases and of flats.",
    image_type=ImageType.BIAS,
    beside=(ImageType.FLAT,),
    roles=(),
    parameters=CorrelationsParameters,
    compute=compute,
)
