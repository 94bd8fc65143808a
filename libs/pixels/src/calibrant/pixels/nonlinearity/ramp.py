"""Signals against light: what a linearity is fitted to.

It owns the arrays and their checks; it must not know how signals were measured, or what is fitted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ramp:
    """Signals of a detector's amplifiers in exposures to more and more light.

    Parameters
    ----------
    light
        (exposures,): exposure time in s, or what a photodiode collected, in any unit; times the brightness of the
        lamp where that drifts. NaN where there is no reading.
    signal
        (amplifiers, exposures), ADU or electron, above the electronic level. NaN where there is none.
    error
        (amplifiers, exposures): standard deviation of the signals, above zero where there is one.
    light_error
        (exposures,): standard deviation of the light, in its unit; None: it is known exactly.
    filters
        (exposures,), whole numbers from 0: exposures of the same one have the same brightness for each unit of light;
        None: all have.
    brightness
        (exposures,): of a lamp that drifts, where the light was multiplied by it: an offset of the light then is, too.
        None: 1.

    Raises
    ------
    ValueError
        When shapes differ, or an error is not above zero.
    """

    light: Values
    signal: Values
    error: Values
    light_error: Values | None = None
    filters: NDArray[np.intp] | None = None
    brightness: Values | None = None

    def __post_init__(self) -> None:
        exposures = self.light.shape
        if self.light.ndim != 1 or self.signal.ndim != 2 or self.signal.shape[1:] != exposures:
            raise ValueError(
                f"ramp: light of shape {exposures} and signals of shape {self.signal.shape}; give one light and one "
                "signal of each amplifier for each exposure"
            )
        if self.error.shape != self.signal.shape:
            raise ValueError(f"ramp: errors of shape {self.error.shape}, must be {self.signal.shape}")
        for name in ("light_error", "filters", "brightness"):
            given = getattr(self, name)
            if given is not None and given.shape != exposures:
                raise ValueError(f"ramp: {name} of shape {given.shape}, must be {exposures}")
        if not (self.error[np.isfinite(self.signal)] > 0).all():
            raise ValueError(
                "ramp: a signal has an error that is not above zero; a fit would trust it entirely"
            )

    @property
    def groups(self) -> NDArray[np.intp]:
        """(exposures,): the filter of each."""
        return np.zeros(len(self.light), np.intp) if self.filters is None else self.filters

    @property
    def light_sigma(self) -> Values:
        """(exposures,): standard deviation of the light."""
        return np.zeros(len(self.light)) if self.light_error is None else self.light_error

    @property
    def offset_shares(self) -> Values:
        """(exposures,): how much of an offset of the light each has."""
        return np.ones(len(self.light)) if self.brightness is None else self.brightness
