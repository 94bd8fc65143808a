"""Why an analysis has no answer for an amplifier."""

import enum


class Reason(enum.StrEnum):
    """What is wrong with one amplifier; the others go on."""

    NO_OVERSCAN = "it has no serial overscan"
    TOO_FEW_PIXELS = "it has too few pixels that are known"
    TOO_FEW_FRAMES = "too few frames have a value"
    ONE_TIME = "all frames have the same time"
    CONSTANT = "its pixels are all the same: it is dead"
    ALONE = "no amplifier lies beside it"
    NO_PARTNER = "it has no pixels in common with another amplifier"
    NOT_FLOODED = "too few of its pixels were flooded"
    NO_LIGHT = "it has no light"
    NO_DECAY = "no significant decay"
    NOT_CONVERGED = "the fit did not converge"
