"""The charge transfer recipe: what flats leave in their overscans, and the transfers that did it. Knows pixels only.

Numbers are in ADU of the raw frames, whatever unit a job works in: gains may be measured later than this.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from pydantic import Field

from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs, RecipeRefused, Role
from calibrant.combine.recipes.charge_transfer.image_ends import FlatEnd, Register, measured_ends
from calibrant.combine.recipes.charge_transfer.tables import tables_of
from calibrant.combine.recipes.charge_transfer.transferred import Transferred
from calibrant.combine.recipes.correction import named
from calibrant.combine.recipes.parameters import Parameters
from calibrant.pixels import Amplifier
from calibrant.pixels.charge_transfer import (
    POWERS,
    Normalisation,
    Offset,
    Reason,
    SolvedTransfers,
    Trailing,
    TrailingCharge,
    characterise_measured,
    predicted_charge,
)
from calibrant.rules.classification import ImageType

_ALONG_COLUMNS: Final = tuple(power for power in POWERS if power > 0)
"""No trap sits at the end of a column for itself."""


class TransferOfChargeParameters(Parameters):
    """The parameters of charge transfer."""

    trail_pixels: int = Field(
        default=2, ge=1, description="First overscan pixels whose charge is late. Unit: pixels."
    )
    pedestal_pixels: int = Field(
        default=5, ge=1, description="Last overscan pixels, which give each line's level. Unit: pixels."
    )
    transfers: Normalisation = Field(
        default="imaging + 1",
        description="Transfers that a loss is divided by: eo_pipe's number, or eotest's.",
    )
    offset: Offset = Field(
        default="auto",
        description="Electronic offset that is fitted to serial overscans and subtracted: a decay, a bounce, none; "
        "auto: a bounce where overscans rise from pixel to pixel.",
    )
    turnoff_rise: float = Field(
        default=1e-5,
        gt=0,
        description="By how much the inefficiency exceeds that of the other levels beyond the turnoff.",
    )
    most_e: float = Field(
        default=150_000.0,
        gt=0,
        description="Signal above which a flat counts for no fit, by the nominal gain. Unit: electron.",
    )
    trap_full_well_e: float = Field(
        default=200_000.0,
        gt=0,
        description="Charge that reaches all traps of a pixel, by the nominal gain. Unit: electron.",
    )


def compute(inputs: RecipeInputs, parameters: TransferOfChargeParameters) -> BuiltTables:
    """Measure the charge transfer of every amplifier, along rows and columns.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames of several levels, bias frames and defects if there are.
    parameters : TransferOfChargeParameters
        How.

    Returns
    -------
    BuiltTables
        See `tables`. What cannot be measured says why; the other amplifiers go on.

    Raises
    ------
    RecipeRefused
        No amplifier can be measured in any direction, or a frame does not fit the detector.
    """
    settings = Trailing(
        pixels=parameters.trail_pixels,
        level_pixels=parameters.pedestal_pixels,
        normalisation=parameters.transfers,
    )
    try:
        ends = measured_ends(inputs, settings)
    except ValueError as problem:
        raise RecipeRefused(f"charge transfer: {named(str(problem), inputs)}") from problem
    amplifiers = {one.name: one for one in inputs.whole.amplifiers}
    found = [
        _transferred(register, amplifiers[register[0]], flats, settings, parameters)
        for register, flats in ends.items()
    ]
    if all(isinstance(one.found.mean, Reason) for one in found):
        raise RecipeRefused(_refusal(inputs, found))
    return BuiltTables(tables=tables_of(found), backend="numpy")


def _transferred(
    register: Register,
    amplifier: Amplifier,
    flats: Sequence[FlatEnd],
    settings: Trailing,
    parameters: TransferOfChargeParameters,
) -> Transferred:
    """Join what all flats say of an amplifier in one direction."""
    gain, serial = amplifier.gain_e_per_adu, register[1] == "serial"
    found = characterise_measured(
        [one.end for one in flats],
        full_well=parameters.trap_full_well_e / gain,
        settings=settings,
        offset=parameters.offset if serial else "none",
        limit=parameters.turnoff_rise,
        highest=parameters.most_e / gain,
        powers=POWERS if serial else _ALONG_COLUMNS,
    )
    given = Transferred(*register, tuple(flats), found)
    return (
        given
        if isinstance(found.solved, Reason)
        else replace(given, left=_left(given, found.solved, settings))
    )


def _left(given: Transferred, solved: SolvedTransfers, settings: Trailing) -> tuple[float, ...]:
    """Return the charge that the solved transfers leave behind each flat; NaN where there is none measured."""
    known = {n: one.signal for n, one in enumerate(given.found.measured) if isinstance(one, TrailingCharge)}
    imaging, overscan = next(
        (one.end.imaging, len(one.end.profile.values))
        for one in given.flats
        if not isinstance(one.end.profile, Reason)
    )
    charges = predicted_charge(
        solved.transfers,
        np.array(list(known.values())),
        imaging=imaging,
        overscan=overscan,
        settings=settings,
    )
    by_number = dict(zip(known, charges.tolist(), strict=True))
    return tuple(by_number.get(number, math.nan) for number in range(len(given.flats)))


def _refusal(inputs: RecipeInputs, found: Sequence[Transferred]) -> str:
    first = found[0]
    return (
        f"charge transfer: no amplifier can be measured from these {len(first.flats)} flats of {len(inputs.frames)} "
        f"frames; {first.amplifier}, {first.direction}: {first.found.mean}. It needs evenly lit flats and an overscan "
        "that is read right behind the image"
    )


CTI = Recipe(
    name="cti",
    version="1",
    summary="What transfers leave in the overscans of flats, and the traps and inefficiencies that did it.",
    image_type=ImageType.FLAT,
    beside=(ImageType.BIAS,),
    roles=(Role("defects", "defects"),),
    parameters=TransferOfChargeParameters,
    compute=compute,
)
