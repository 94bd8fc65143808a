"""Gain, read noise and the rest from photon transfer curves, all amplifiers at once.

It owns the selection of points and the order of the fits; the models, the least squares and the covariance model have
modules of their own. It must not know how curves were measured.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.photon_transfer.covariance_fit import CovarianceSolved, fit_covariances
from calibrant.pixels.photon_transfer.curves import Curve
from calibrant.pixels.photon_transfer.fit_settings import FitSettings
from calibrant.pixels.photon_transfer.models import Model
from calibrant.pixels.photon_transfer.points import Points, points, reason_for
from calibrant.pixels.photon_transfer.reasons import Reason
from calibrant.pixels.photon_transfer.results import TransferFit, nothing
from calibrant.pixels.photon_transfer.selecting import Selected, select

Numbers = NDArray[np.float64]

WIDE: Final = 0.2
"""Half of the pairs further than this share of their variance from the curve: it is none."""
NAMES: Final = ("gain", "a00", "noise2")
WITH_COVARIANCES: Final = frozenset({Model.FULL_COVARIANCE, Model.FULL_COVARIANCE_NO_B})


def fit_curves(
    curves: Mapping[str, Curve],
    settings: FitSettings | None = None,
    *,
    errors: Mapping[str, Numbers] | None = None,
) -> dict[str, TransferFit]:
    """Fit the photon transfer curves of all amplifiers in one go.

    Parameters
    ----------
    curves
        By amplifier.
    settings
        How; None: as :class:`FitSettings` has it.
    errors
        Standard errors of the variances (P,), in ADU squared; None: ``sqrt(2 / n_pixels)`` times the model.

    Returns
    -------
    dict
        By amplifier, in the same order. Errors are those of the weights, not widened by the scatter: compare `chi2`
        with `degrees_of_freedom`.

    Raises
    ------
    ValueError
        When curves have covariances of different lags.
    """
    settings = settings or FitSettings()
    names, all_curves = list(curves), list(curves.values())
    _check_lags(curves)
    found = points(all_curves, settings.most_adu)
    reasons = [_reason(curve, found, row, settings) for row, curve in enumerate(all_curves)]
    rows = np.array([row for row, reason in enumerate(reasons) if reason is None], dtype=np.intp)
    given = None if errors is None else _sorted_errors([errors[name] for name in names], found)[rows]
    chosen = [all_curves[row] for row in rows]
    done = _fit_all(chosen, found.take(rows), settings, given) if chosen else []
    fits = {names[row]: fit for row, fit in zip(rows, done, strict=True)}
    return {
        name: fits[name] if reason is None else nothing(settings.model, len(curve.means), reason)
        for name, curve, reason in zip(names, all_curves, reasons, strict=True)
    }


def _fit_all(
    curves: Sequence[Curve], part: Points, settings: FitSettings, errors: Numbers | None
) -> list[TransferFit]:
    selected = select(part, settings, errors)
    terms = None
    if settings.model in WITH_COVARIANCES:
        with_b = settings.model is Model.FULL_COVARIANCE
        terms = fit_covariances(curves, part, selected, with_b=with_b)
    return [
        _fit(part, selected, terms, settings, row=row, size=len(curve.means))
        for row, curve in enumerate(curves)
    ]


def _check_lags(curves: Mapping[str, Curve]) -> None:
    lags = {curve.covariances.shape[1:] for curve in curves.values() if curve.covariances is not None}
    if len(lags) > 1:
        raise ValueError(f"curves: covariances of {sorted(lags)} lags; measure all amplifiers alike")


def _reason(curve: Curve, found: Points, row: int, settings: FitSettings) -> Reason | None:
    levels = found.means[row][found.usable[row]]
    reason = reason_for(curve, levels, len(settings.bounds[0]))
    if reason is not None:
        return reason
    if settings.model in WITH_COVARIANCES and curve.covariances is None:
        return Reason.NO_COVARIANCES
    ratio = float(np.median(levels / found.variances[row][found.usable[row]]))
    return None if settings.gain_bounds[0] < ratio < settings.gain_bounds[1] else Reason.OUT_OF_BOUNDS


def _sorted_errors(errors: Sequence[Numbers], found: Points) -> Numbers:
    rectangle = np.ones(found.means.shape)
    for row, own in enumerate(errors):
        rectangle[row, : len(own)] = own
    return np.take_along_axis(rectangle, found.order, axis=1)


def _fit(
    part: Points,
    selected: Selected,
    terms: CovarianceSolved | None,
    settings: FitSettings,
    *,
    row: int,
    size: int,
) -> TransferFit:
    kept = selected.kept[row]
    solved = selected.solved if terms is None else terms
    parameters, covariance = solved.parameters[row], solved.covariance[row]
    low, high = settings.bounds
    needed = len(low)
    first = selected.solved.parameters[row, :2]
    if ((first <= low[:2]) | (first >= high[:2])).any():
        return nothing(settings.model, size, Reason.OUT_OF_BOUNDS)
    if np.count_nonzero(kept) < needed or not solved.converged[row] or not np.isfinite(parameters).all():
        return nothing(settings.model, size, Reason.NO_CONVERGENCE)
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0))
    on_bound = tuple(name for name, error in zip(NAMES, errors, strict=False) if not error > 0)
    if _scattered(part, selected, row, settings):
        return nothing(settings.model, size, Reason.SCATTERED)
    gain, a00, noise2 = parameters[:3]
    noise = math.sqrt(max(noise2, 0.0))
    turnoff, distance, above = _turnoff(part, selected, row)
    free = np.count_nonzero(kept) - needed if terms is None else terms.degrees_of_freedom[row]
    return TransferFit(
        model=settings.model,
        gain=float(gain),
        gain_error=_error(errors[0]),
        noise_e=noise,
        noise_error_e=_error(errors[2]) / (2 * noise) if noise > 0 else math.nan,
        a00=float(a00),
        a00_error=_error(errors[1]),
        parameters=parameters,
        parameter_covariance=covariance,
        kept=_in_order(kept, part.order[row], size),
        turnoff=turnoff,
        turnoff_sampling_error=distance,
        full_well_e=turnoff * float(gain),
        full_well_is_lower_limit=not above,
        chi2=float(solved.chi2[row]),
        degrees_of_freedom=int(free),
        terms=None if terms is None else terms.terms[row],
        on_bound=on_bound if noise > 0 or "noise2" in on_bound else (*on_bound, "noise2"),
    )


def _scattered(part: Points, selected: Selected, row: int, settings: FitSettings) -> bool:
    """Say whether the pairs that are kept lie further from the curve than any noise puts them."""
    kept = selected.kept[row]
    off = selected.residuals[row][kept]
    relative = off * selected.errors[row][kept] / part.variances[row][kept]
    return bool(np.median(np.abs(off)) > settings.sigma and np.median(np.abs(relative)) > WIDE)


def _error(error: float) -> float:
    return float(error) if error > 0 else math.nan


def _turnoff(part: Points, selected: Selected, row: int) -> tuple[float, float, bool]:
    """Give the turnoff, its sampling error, and whether points above it lie off the curve."""
    means, usable = part.means[row], part.usable[row]
    last = int(np.flatnonzero(selected.kept[row])[-1])
    others = means[usable]
    turnoff = float(means[last])
    above = others[others > turnoff]
    below = others[others < turnoff]
    next_to = above[0] if above.size else below[-1]
    return turnoff, abs(float(next_to) - turnoff) / 2, bool(above.size)


def _in_order(kept: NDArray[np.bool_], order: NDArray[np.intp], size: int) -> NDArray[np.bool_]:
    result = np.zeros(len(kept), bool)
    result[order] = kept
    return result[:size]
