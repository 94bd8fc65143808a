"""How a product comes to be certified: at once, only when it scores well, or after a person was asked. Pure.

Owns the modes and what each makes of a verdict and a score. Knows no report, no plan and no person.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from calibrant.rules.scores import Colour


class Mode(StrEnum):
    """When a kind of calibration is certified."""

    GATE = "gate"  # what the gate accepts, whatever its score
    GREEN = "green"  # what the gate accepts and scores green; the rest is withheld
    ASK = "ask"  # green at once; for all else a person is asked
    ALWAYS = "always"  # a person is always asked


class Course(StrEnum):
    """What is done with a product."""

    CERTIFY = "certify"
    WITHHOLD = "withhold"
    ASK = "ask"


class Way(NamedTuple):
    """What is done with a product, and why it is not certified at once; empty when it is."""

    course: Course
    because: str


def mode_of(modes: Mapping[str, Mode], instrument: str, kind: str) -> Mode:
    """Return the mode of an instrument's kind: the most particular that is set, else ``gate``.

    Parameters
    ----------
    modes : mapping of str to Mode
        By "instrument/kind"; either may be ``*``.
    instrument, kind : str
        What is to be certified.

    Examples
    --------
    >>> modes = {"*/*": Mode.ASK, "simcam/*": Mode.GREEN, "simcam/flat": Mode.ALWAYS}
    >>> [str(mode_of(modes, *one)) for one in [("simcam", "flat"), ("simcam", "bias"), ("kast", "bias")]]
    ['always', 'green', 'ask']
    """
    keys = (f"{instrument}/{kind}", f"{instrument}/*", f"*/{kind}", "*/*")
    return next((modes[key] for key in keys if key in modes), Mode.GATE)


def way_of(mode: Mode, *, accepted: bool, reason: str, score: Colour, score_reason: str) -> Way:
    """Say what is done with a product.

    Parameters
    ----------
    mode : Mode
        Of its kind.
    accepted : bool
        Whether the gate accepts it.
    reason : str
        The gate's, told where it does not.
    score : Colour
        Its score; what was never scored is grey.
    score_reason : str
        What made it red or grey.
    """
    asks = mode in {Mode.ASK, Mode.ALWAYS}
    if not accepted:
        return Way(Course.ASK if asks else Course.WITHHOLD, reason)
    why = f"scores {score}: {score_reason}" if score_reason else f"scores {score}"
    if mode is Mode.ALWAYS:
        return Way(Course.ASK, why)
    if mode is Mode.GATE or score is Colour.GREEN:
        return Way(Course.CERTIFY, "")
    if mode is Mode.ASK:
        return Way(Course.ASK, why)
    return Way(Course.WITHHOLD, f"{why}; only what is green is certified")
