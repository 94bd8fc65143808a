"""Why an amplifier has no result, in words for a report. Must not know how it was found out."""

from enum import StrEnum


class Reason(StrEnum):
    """What stands in the place of a result."""

    ONE_LEVEL = "one flux level: nothing tells how the signal grows with the light"
    TOO_FEW_POINTS = "too few points for the parameters of the curve"
    NO_READING = "no photodiode reading of enough exposures"
    NO_BASELINE = "no photodiode reading without light: its dark current is not known"
    NOT_RISING = "not monotonic: the signal does not rise with the light"
    NO_CONVERGENCE = "the fit does not converge"
    NO_OVERLAP = "the signals of two filters do not overlap: nothing ties them"
    NO_REFERENCE = "the reference amplifier has no fit"
