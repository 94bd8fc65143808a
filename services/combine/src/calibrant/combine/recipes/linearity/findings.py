"""What was found of the linearity of a detector's amplifiers, and why of some nothing was. Must not know tables or frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from calibrant.combine.recipes.linearity.fits import Measured, Residual
from calibrant.combine.recipes.linearity.light import Lights
from calibrant.combine.recipes.linearity.ramp import Signals
from calibrant.pixels.nonlinearity import Ramp, Reason

SATURATED: Final = "too many of its pixels are saturated in most exposures"
NO_LIGHT: Final = "no exposure shows light: the amplifier is dead, or its level is not removed"

_MOST: Final = 0.5
"""Part of the exposures."""
_SEEN: Final = 5.0
"""Standard errors that a signal has to be above zero by."""


@dataclass(frozen=True, eq=False, slots=True)
class Findings:
    """What was found of a detector.

    Parameters
    ----------
    signals : Signals
        All that was measured.
    lights : Lights
        The light of each exposure.
    ramp : Ramp
        What was fitted of them.
    exptime_s : sequence of float
        Exposure times; NaN where they are not known.
    fits : sequence of Measured or Reason
        One an amplifier.
    residuals : sequence of Residual or Reason
        One an amplifier.
    """

    signals: Signals
    lights: Lights
    ramp: Ramp
    exptime_s: Sequence[float]
    fits: Sequence[Measured | Reason]
    residuals: Sequence[Residual | Reason]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why amplifiers have no fit; empty where they have one."""
        return tuple(map(self._reason, range(len(self.fits))))

    def _reason(self, row: int) -> str:
        signals, fit = self.signals, self.fits[row]
        if fit is Reason.TOO_FEW_POINTS and signals.saturated[row].mean() > _MOST:
            return SATURATED
        if fit is Reason.TOO_FEW_POINTS and not (signals.mean[row] > _SEEN * signals.error[row]).any():
            return NO_LIGHT
        return why_not(fit)

    @property
    def fitted(self) -> list[tuple[str, Measured]]:
        """The amplifiers that have a fit."""
        both = zip(self.signals.names, self.fits, strict=True)
        return [(name, fit) for name, fit in both if isinstance(fit, Measured)]


def why_not(found: object) -> str:
    """Return the reason that stands in the place of a result; empty where there is one."""
    return str(found) if isinstance(found, Reason) else ""
