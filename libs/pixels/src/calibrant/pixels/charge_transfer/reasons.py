"""Why something could not be measured of an amplifier."""

import enum


class Reason(enum.StrEnum):
    """What is wrong with one amplifier; the others go on."""

    NO_OVERSCAN = "it has no overscan in this direction"
    NOT_BEHIND = "its overscan is not read right after its image, so no charge trails into it"
    TOO_FEW_PIXELS = "its overscan is too short for the pixels that are asked for"
    TOO_FEW_LINES = "fewer than three of its lines are known, not saturated and within the signals asked for"
    NO_NOISE = "its pixels have no noise, so nothing has an error"
    NO_SIGNAL = "the last imaging pixels hold no significant signal"
    NO_CHARGE = "none of its columns has charge"
    NO_TAIL = "no significant electronic tail in its overscan"
    BOUNCES = "its overscan rises from one pixel to the next, which no trailing charge does, and no bounce fits: give biases"
    ONE_LEVEL = "all frames are of one level"
    TOO_FEW_LEVELS = "too few frames with a measurement"
    NOT_CONVERGED = "the fit did not converge"
