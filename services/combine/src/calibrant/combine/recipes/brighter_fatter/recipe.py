"""The brighter-fatter recipe: what charge does to the boundaries of pixels, from the covariances of pairs of flats.

Knows pixels only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from pydantic import Field

from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs, RecipeRefused, roles_of
from calibrant.combine.recipes.brighter_fatter.amplifier_table import amplifiers_table
from calibrant.combine.recipes.brighter_fatter.areas import (
    Levels,
    MeasuredAreas,
    found_in,
    known_gains,
    measured_areas,
    used_pairs,
    with_noise,
)
from calibrant.combine.recipes.brighter_fatter.boundaries import (
    Boundaries,
    Solving,
    of_amplifiers,
    of_detector,
)
from calibrant.combine.recipes.brighter_fatter.level_tables import (
    CorrectedPair,
    areas_table,
    corrected_table,
    detector_table,
    levels_table,
)
from calibrant.combine.recipes.brighter_fatter.shift_table import shifts_table
from calibrant.combine.recipes.photon_transfer.flat_pairs import (
    ROLES,
    MeasuredPair,
    MeasuredPairs,
    measured_pair,
    measured_pairs,
)
from calibrant.combine.recipes.photon_transfer.pair_tables import leftovers_table, pairs_table
from calibrant.combine.recipes.photon_transfer.parameters import PairParameters
from calibrant.frames.measured.brighter_fatter import barrier_of
from calibrant.frames.writing import ProductTable
from calibrant.pixels import Step
from calibrant.pixels.brighter_fatter import Convergence
from calibrant.pixels.photon_transfer import Curve, curves, pair_gain
from calibrant.rules.classification import ImageType

NAME: Final = "bfk"


class BrighterFatterParameters(PairParameters):
    """The parameters of a brighter-fatter kernel."""

    lags: int = Field(
        default=10, ge=2, description="Pixels apart at most for which covariances are measured. Unit: pixels."
    )
    method: Literal["kernel", "shifts"] = Field(
        default="kernel",
        description="How boundaries follow from areas: by the slope of a kernel, or nearest to a smooth law.",
    )
    level: Literal["detector", "amplifier"] = Field(
        default="detector",
        description="Whose boundaries they are: of all amplifiers together, which share the silicon, or each one's own.",
    )
    zero_sum: Literal["origin", "shared", "off"] = Field(
        default="shared",
        description="What makes the sum of all areas zero: the pixel's own, all by their variances, or nothing.",
    )
    reject: float = Field(
        default=0.5,
        gt=0,
        description="Imbalance of a level's areas above which it does not count: size of their sum over the sum of their sizes.",
    )
    least_adu: float = Field(default=0.0, ge=0, description="Level below which no pair counts. Unit: ADU.")
    most_adu: float | None = Field(
        default=None, gt=0, description="Level above which no pair counts; null: the turnoff. Unit: ADU."
    )
    relax_accuracy: float = Field(
        default=5e-14,
        gt=0,
        description="Residual of the kernel's relaxation that ends it, relative to the areas.",
    )
    relax_rounds: int = Field(default=10_000, ge=1, description="Rounds of that relaxation at most.")


def compute(inputs: RecipeInputs, parameters: BrighterFatterParameters) -> BuiltTables:
    """Measure what charge does to the boundaries of pixels, and correct pairs by it to see what is left.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames; bias, dark and a photon transfer curve if there are.
    parameters : BrighterFatterParameters
        How.

    Returns
    -------
    BuiltTables
        ``AMPLIFIERS``, ``SHIFTS``, ``AREAS``, ``DETECTOR``, ``LEVELS``, ``CORRECTED``, ``PAIRS`` and ``LEFTOVERS``. An amplifier that cannot be measured says why there; the others go on.

    Raises
    ------
    RecipeRefused
        No two flats are a pair, no amplifier can be measured, no boundaries follow from what was measured, the pedestal stays in, a dark
        does not apply, or a frame does not fit the detector.
    """
    pairs = measured_pairs(NAME, inputs, parameters, parameters.lags)
    found = curves([pair.statistics for pair in pairs.measured])
    areas = _areas(inputs, parameters, pairs, found)
    shared, own = _boundaries(areas, parameters)
    shifts = shifts_table(inputs.geometry, areas, shared, own)
    used = {name: used_pairs(found[name], areas[name]) for name in found_in(areas)}
    checked = _corrected(inputs, pairs, used, shifts)
    return BuiltTables(
        tables=(
            amplifiers_table(pairs, found, areas, own, checked),
            shifts,
            areas_table(areas),
            detector_table(areas),
            levels_table(pairs.measured, found, areas),
            corrected_table(pairs.measured, checked),
            pairs_table(
                pairs.measured,
                found,
                lambda name, pair: _gain(areas[name], name, pair),
                {name: set(used_pairs(found[name], one)) for name, one in areas.items()},
            ),
            leftovers_table(pairs.leftovers),
        ),
        backend="numpy",
        used=pairs.used,
    )


def _areas(
    inputs: RecipeInputs,
    parameters: BrighterFatterParameters,
    pairs: MeasuredPairs,
    found: Mapping[str, Curve],
) -> dict[str, MeasuredAreas]:
    """Return the areas of every amplifier, at least one of which has some."""
    known = {
        name: with_noise(one, (pair.noise_adu[name] for pair in pairs.measured))
        for name, one in known_gains(found, inputs.tables.get("ptc")).items()
    }
    levels = Levels(parameters.least_adu, parameters.most_adu, parameters.reject, parameters.zero_sum)
    areas = {name: measured_areas(curve, known[name], levels) for name, curve in found.items()}
    if all(one.reason for one in areas.values()):
        name, first = next(iter(areas.items()))
        raise RecipeRefused(
            f"{NAME}: no amplifier can be measured; {name}: {first.reason}; take pairs of flats at several levels below "
            "saturation"
        )
    return areas


def _boundaries(
    areas: Mapping[str, MeasuredAreas], parameters: BrighterFatterParameters
) -> tuple[Boundaries, dict[str, Boundaries | str]]:
    """Return the boundaries that the detector has, and those that amplifiers have of their own, or why not; at least one."""
    found = found_in(areas)
    how = Solving(parameters.method, parameters.relax_accuracy, parameters.relax_rounds)
    shared = of_detector(found, how)
    own = of_amplifiers(found, how) if parameters.level == "amplifier" else {}
    if isinstance(shared, str):
        raise RecipeRefused(
            f"{NAME}: no boundaries follow from the areas of {len(found)} amplifiers: {shared}; take more pairs of flats, or set "
            f"{NAME}.relax_rounds and {NAME}.relax_accuracy where it did not converge"
        )
    return shared, own


def _corrected(
    inputs: RecipeInputs, pairs: MeasuredPairs, used: Mapping[str, Sequence[int]], shifts: ProductTable
) -> dict[str, CorrectedPair]:
    """Return a pair for each amplifier, measured again with its charge moved back.

    As few pairs as can be, of the brightest.
    """
    told: list[Convergence] = []
    barrier = replace(barrier_of(shifts, inputs.geometry, inputs.corrected.unit), report=told.append)
    removed = replace(pairs.removed, barriers={**pairs.removed.barriers, Step.BRIGHTER_FATTER: barrier})
    left, checked = dict(used), dict[str, CorrectedPair]()
    while left:
        number = max(
            {n for numbers in left.values() for n in numbers},
            key=lambda n: (sum(n in numbers for numbers in left.values()), _level(pairs.measured[n]), n),
        )
        again = measured_pair(pairs.measured[number].frames, inputs, removed, pairs.settings)
        served = [name for name, numbers in left.items() if number in numbers]
        worse = max(told[-2:], key=lambda one: one.residual)
        checked |= dict.fromkeys(served, CorrectedPair(number, again, worse))
        left = {name: numbers for name, numbers in left.items() if name not in served}
    return checked


def _gain(areas: MeasuredAreas, amplifier: str, pair: MeasuredPair) -> float:
    """Return the gain by one pair alone, with the noise of its overscans, else that of the curve."""
    told = (pair.noise_adu[amplifier], areas.known.noise_e / areas.known.gain)
    return pair_gain(pair.statistics[amplifier], next((one for one in told if math.isfinite(one)), 0.0)).gain


def _level(pair: MeasuredPair) -> float:
    """Return the brightest level of a pair, in ADU."""
    return max(one.mean for one in pair.statistics.values() if one.reason is None)


BFK = Recipe(
    name=NAME,
    version="1",
    summary="How charge moves the boundaries of pixels, from the covariances of pairs of flats.",
    image_type=ImageType.FLAT,
    roles=(*ROLES, *roles_of("ptc")),
    parameters=BrighterFatterParameters,
    compute=compute,
)
