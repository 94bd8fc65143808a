"""The linearity recipe: how the signal of every amplifier grows with the light. Knows pixels only."""

import math
from typing import Final

import numpy as np

from calibrant.combine.recipes.base import BuiltTables, Recipe, RecipeInputs, RecipeRefused, roles_of
from calibrant.combine.recipes.correction import bias_and_dark
from calibrant.combine.recipes.linearity.findings import Findings
from calibrant.combine.recipes.linearity.fits import measured, residuals
from calibrant.combine.recipes.linearity.light import Lights, by_monitor, by_time
from calibrant.combine.recipes.linearity.parameters import LinearityParameters
from calibrant.combine.recipes.linearity.ramp import Signals, Values, measured_signals, ramp_of, rules_of
from calibrant.combine.recipes.linearity.tables import tables_of
from calibrant.pixels.nonlinearity import Reason
from calibrant.rules.classification import ImageType

_UNREAD: Final = frozenset({Reason.NO_READING, Reason.TOO_FEW_POINTS, Reason.NO_REFERENCE})
"""Reasons that readings which are missing may have."""


def compute(inputs: RecipeInputs, parameters: LinearityParameters) -> BuiltTables:
    """Measure the linearity of every amplifier.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames of many exposure times; a bias and a photon transfer curve if there are.
    parameters : LinearityParameters
        How.

    Returns
    -------
    BuiltTables
        See `tables`. An amplifier that cannot be measured says why there; the others go on.

    Raises
    ------
    RecipeRefused
        No amplifier can be measured (the first one's reason is told), the pedestal stays in, too few exposures follow
        the lamp, or a frame does not fit the detector.
    """
    signals = measured_signals(inputs)
    found = _found(inputs, signals, parameters)
    if not found.fitted:
        raise RecipeRefused(
            f"linearity: no amplifier could be measured; {signals.names[0]}: {found.reasons[0]}{_advice(found)}"
        )
    return BuiltTables(tables=tables_of(found), backend="numpy", used=tuple(bias_and_dark(inputs)))


def _found(inputs: RecipeInputs, signals: Signals, parameters: LinearityParameters) -> Findings:
    """Fit by the light that is asked for; by exposure times where its readings are too few and that is allowed."""
    if parameters.light == "monitor":
        found = _fitted(inputs, signals, by_monitor(inputs.frames, parameters), parameters)
        without = all(one in _UNREAD for one in found.fits)
        if not (without and any(found.lights.reasons) and parameters.fall_back):
            return found
    by = by_time(inputs.frames, signals.unsaturated, signals.error, parameters)
    found = _fitted(inputs, signals, by, parameters)
    if parameters.lamp == "steady":
        return found
    by = by_time(
        inputs.frames, _corrected(found), signals.error, parameters
    )  # what followed it is linear now
    return _fitted(inputs, signals, by, parameters)


def _corrected(found: Findings) -> Values:
    """Return the signals made linear, where they can be."""
    mean = found.signals.unsaturated
    both = zip(mean, found.fits, strict=True)
    return np.array([one if isinstance(fit, Reason) else fit.linearity.apply(one)[0] for one, fit in both])


def _fitted(
    inputs: RecipeInputs, signals: Signals, lights: Lights, parameters: LinearityParameters
) -> Findings:
    ramp, rules = ramp_of(inputs, signals, lights, parameters), rules_of(parameters, lights)
    return Findings(
        signals=signals,
        lights=lights,
        ramp=ramp,
        exptime_s=[math.nan if one.exptime_s is None else one.exptime_s for one in inputs.frames],
        fits=measured(signals.names, ramp, parameters, rules),
        residuals=residuals(signals.names, ramp, parameters, rules),
    )


def _advice(found: Findings) -> str:
    """Say what helps where readings are missing."""
    missing = sum(map(bool, found.lights.reasons))
    if found.lights.source != "monitor" or not missing:
        return ""
    return (
        f"; {missing} of {len(found.lights.reasons)} flats have no reading of the monitor: give them (--readings), or set "
        "linearity.fall_back or linearity.light=time"
    )


LINEARITY = Recipe(
    name="linearity",
    version="1",
    summary="How the signal of every amplifier grows with the light, and what makes it proportional.",
    image_type=ImageType.FLAT,
    roles=roles_of("bias", "crosstalk", "ptc"),
    parameters=LinearityParameters,
    compute=compute,
    without=("linearity",),
)
