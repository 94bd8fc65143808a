"""Tests of a mask of defects on a corrected frame, per amplifier: without the defects the frame must look better.

The first four compare the frame without the defects (``OUTLIERS``) with all of it (``UNMASKED_OUTLIERS``), as
Rubin's cp_verify has them; the standard deviation but for chance, since a hot pixel of darks is like any other in a flat, and
to leave it out there moves the standard deviation up as often as down. The fifth asks for exactly as many defects as chance makes improbable, of which its own authors say
that it is a bad test: it is told, and does not count. The sixth, of darks, is made of what cp_verify counts and does not
judge: a hot pixel is as sharp as a cosmic ray, so fewer are found once hot pixels are marked. A ray that crosses a defect
may come out a pixel longer: it does not count either.
"""

import math
from collections.abc import Mapping
from typing import Final

from calibrant.rules.verification.base import Judgement, TestDefinition, at_most


def _no_more(name: str, unit: str, summary: str, words: str, sign: float = 1.0) -> TestDefinition:
    """Ask that a number be at most the unmasked one (at least, with a sign of -1)."""
    unmasked = f"UNMASKED_{name}"

    def judge(m: Mapping[str, float], limit: float) -> Judgement:
        return at_most(sign * (m[name] - m[unmasked]), limit, words)

    return TestDefinition(
        name=name,
        kind="defects",
        level="amplifier",
        limit=0.0,
        unit=unit,
        source="Rubin's cp_verify",
        summary=summary,
        judge=judge,
        required=(name, unmasked),
    )


CHANCE: Final = 3.0
"""Standard deviations that chance may add."""


def _no_noisier(m: Mapping[str, float], limit: float) -> Judgement:
    """Ask that the standard deviation be no more than the unmasked one, but for chance.

    Of n normal pixels with a deviation s, to leave out k moves s by s sqrt(2 k) / (2 n) = s (k / n) / sqrt(2 k).
    """
    defects, fraction = max(m["DEFECT_PIXELS"], 0.0), min(max(m["FRAC"], 0.0), 1.0)
    chance = CHANCE * m["STDEV"] * fraction / math.sqrt(2 * defects) if defects else 0.0
    return at_most(
        m["STDEV"] - m["UNMASKED_STDEV"] - chance,
        limit,
        "standard deviation that the mask adds beyond chance",
    )


def _as_improbable(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(abs(m["STAT_OUTLIERS"] - m["DEFECT_PIXELS"]), limit, "improbable pixels less defects")


def _no_more_struck(m: Mapping[str, float], limit: float) -> Judgement:
    more = m["NUM_COSMICS_AFTER"] - m["NUM_COSMICS_BEFORE"]
    return at_most(more, limit, "pixels that look struck by cosmic rays only with the mask")


OUTLIERS = _no_more(
    "OUTLIERS",
    "1",
    "pixels outside the clip are no more without the defects than with them",
    "outliers that the mask adds",
)
STDEV = TestDefinition(
    name="STDEV",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="electron",
    source="Rubin's cp_verify, with an allowance for chance",
    summary="standard deviation is no larger without the defects than with them and 3 deviations of chance",
    judge=_no_noisier,
    required=("STDEV", "UNMASKED_STDEV", "DEFECT_PIXELS", "FRAC"),
)
MIN = _no_more(
    "MIN",
    "electron",
    "lowest value is no lower without the defects than with them",
    "lowest value of all pixels above that of the good ones",
    sign=-1.0,
)
MAX = _no_more(
    "MAX",
    "electron",
    "highest value is no higher without the defects than with them",
    "highest value of the good pixels above that of all",
)
PROB_TEST = TestDefinition(
    name="PROB_TEST",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="1",
    source="Rubin's cp_verify; advisory, as its authors call it a bad test",
    summary="there are as many defects as pixels that chance makes improbable (value: how many more or less)",
    judge=_as_improbable,
    required=("STAT_OUTLIERS", "DEFECT_PIXELS"),
    advisory=True,
)

_DARKS_ONLY = "cosmic rays are searched for in darks only"
NUM_COSMICS = TestDefinition(
    name="NUM_COSMICS",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="1",
    source="Rubin's cp_verify, which counts them and judges nothing; so advisory",
    summary="no more pixels look struck by cosmic rays without the defects than with them (value: how many more)",
    judge=_no_more_struck,
    required=(),
    optional={"NUM_COSMICS_BEFORE": _DARKS_ONLY, "NUM_COSMICS_AFTER": _DARKS_ONLY},
    advisory=True,
)
