"""Why something could not be measured. It must not know how anything is measured."""

import enum


class Reason(enum.StrEnum):
    """What kept a pair, an amplifier or an exposure from giving a number; the value is for people."""

    UNPAIRED = "no exposure like it is left to pair it with"
    NO_PAIRS = "no pair of flats was measured"
    NOT_FINITE = "its values are not numbers"
    TOO_FEW_PIXELS = "too few good pixels"
    SATURATED = "most pixels are saturated"
    DEAD = "there is no noise: the amplifier is dead or its values are made up"
    NEGATIVE_FLUX = "the mean of a flat is not above zero"
    ONE_LEVEL = "all pairs have the same level"
    TOO_FEW_LEVELS = "there are fewer levels than numbers to be found"
    NO_COVARIANCES = "no covariances were measured"
    NO_CONVERGENCE = "the fit does not converge"
    OUT_OF_BOUNDS = "gain or a00 lie beyond the bounds that they were given"
    SCATTERED = "the pairs scatter too widely about any curve"
    IMPOSSIBLE_GAIN = "no gain explains the noise: it is less than the read noise"
