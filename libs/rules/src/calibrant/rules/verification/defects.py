"""Tests of a mask of defects on a corrected frame, per amplifier: without the defects the frame must look better.

The first four compare the frame without the defects (``OUTLIERS``) with all of it (``UNMASKED_OUTLIERS``), as
Rubin's cp_verify has them. The fifth asks for exactly as many defects as chance makes improbable, of which its own authors say
that it is a bad test: it is told, and does not count.
"""

from collections.abc import Callable, Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, at_most


def _no_more(name: str, words: str, sign: float = 1.0) -> Callable[[Mapping[str, float], float], Judgement]:
    """Judge that a number is at most the unmasked one (at least, with a sign of -1)."""

    def judge(m: Mapping[str, float], limit: float) -> Judgement:
        return at_most(sign * (m[name] - m[f"UNMASKED_{name}"]), limit, words)

    return judge


def _as_improbable(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(abs(m["STAT_OUTLIERS"] - m["DEFECT_PIXELS"]), limit, "improbable pixels less defects")


OUTLIERS = TestDefinition(
    name="OUTLIERS",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="1",
    source="Rubin's cp_verify",
    summary="pixels outside the clip are no more without the defects than with them",
    judge=_no_more("OUTLIERS", "outliers that the mask adds"),
    required=("OUTLIERS", "UNMASKED_OUTLIERS"),
)

STDEV = TestDefinition(
    name="STDEV",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="electron",
    source="Rubin's cp_verify",
    summary="standard deviation is no larger without the defects than with them",
    judge=_no_more("STDEV", "standard deviation that the mask adds"),
    required=("STDEV", "UNMASKED_STDEV"),
)

MIN = TestDefinition(
    name="MIN",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="electron",
    source="Rubin's cp_verify",
    summary="lowest value is no lower without the defects than with them",
    judge=_no_more("MIN", "lowest value of all pixels above that of the good ones", -1.0),
    required=("MIN", "UNMASKED_MIN"),
)

MAX = TestDefinition(
    name="MAX",
    kind="defects",
    level="amplifier",
    limit=0.0,
    unit="electron",
    source="Rubin's cp_verify",
    summary="highest value is no higher without the defects than with them",
    judge=_no_more("MAX", "highest value of the good pixels above that of all"),
    required=("MAX", "UNMASKED_MAX"),
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
