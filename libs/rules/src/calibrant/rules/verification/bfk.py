"""Tests of a brighter-fatter kernel, per amplifier, on pairs of flats that the recipe corrected with it.

Rubin's cp_verify asks stars: whether their sizes still change with their brightness (BRIGHT_SLOPE), where there are more than ten
(NUM_MATCHES). Calibration frames have none. The same question is asked of flats here: whether the correction takes the
covariances of neighbours away, and gives the variance of photons back. Where a pair does not tell it to the limit, the test is not
applicable, as upstream's is with too few stars.
"""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, Verdict, at_most, told_at_most

_ADVICE = "the pair does not tell it well enough; take more or brighter flats"


def _repels(m: Mapping[str, float], limit: float) -> Judgement:
    a00, error = m["A00"], m["A00_ERROR"]
    if error <= 0:
        return Judgement(Verdict.FAIL, None, f"A00_ERROR is {error:g}: a measurement has an error")
    below = -a00 / error
    words = f"a00 {a00:.3g} ± {error:.1g} 1/electron is {below:.4g} standard errors below zero"
    return Judgement(
        Verdict.PASS if below >= limit else Verdict.FAIL, below, f"{words}, {limit:g} are needed"
    )


def _neighbours(m: Mapping[str, float], limit: float) -> Judgement:
    left, error = m["LEFT_COVARIANCE"], m["LEFT_COVARIANCE_ERROR"]
    words = f"neighbours' covariances after the correction {left:.3g} ± {error:.2g} of those before"
    return told_at_most(abs(left), error, limit, words, _ADVICE)


def _variance(m: Mapping[str, float], limit: float) -> Judgement:
    ratio, error = m["CORRECTED_VARIANCE"], m["CORRECTED_VARIANCE_ERROR"]
    words = f"corrected variance {ratio:.4g} ± {error:.2g} of that of photons and read noise, less 1"
    return told_at_most(abs(ratio - 1), error, limit, words, _ADVICE)


def _white(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["CHI2_RATIO"], limit, "chi squared of the corrected covariances over their number")


A00 = TestDefinition(
    name="A00",
    kind="bfk",
    level="amplifier",
    limit=3.0,
    unit="1",
    source="ours",
    summary="a pixel becomes smaller by its own charge: a00 is so many standard errors below zero at least",
    judge=_repels,
    required=("A00", "A00_ERROR"),
    once=True,
)

NEIGHBOURS = TestDefinition(
    name="NEIGHBOURS",
    kind="bfk",
    level="amplifier",
    limit=0.1,
    unit="1",
    source="ours, in place of BRIGHT_SLOPE of Rubin's cp_verify, which needs stars",
    summary="of the covariances with the nearest pixels a corrected pair has at most this part left",
    judge=_neighbours,
    required=("LEFT_COVARIANCE", "LEFT_COVARIANCE_ERROR"),
    once=True,
)

VARIANCE = TestDefinition(
    name="VARIANCE",
    kind="bfk",
    level="amplifier",
    limit=0.02,
    unit="1",
    source="ours",
    summary="a corrected pair has the variance of photons and read noise within the limit",
    judge=_variance,
    required=("CORRECTED_VARIANCE", "CORRECTED_VARIANCE_ERROR"),
    once=True,
)

CHI2 = TestDefinition(
    name="CHI2",
    kind="bfk",
    level="amplifier",
    limit=2.0,
    unit="1",
    source="ours; advisory",
    summary="all covariances of a corrected pair are zero as well as their errors tell: chi squared over their number",
    judge=_white,
    required=("CHI2_RATIO",),
    advisory=True,
    once=True,
)
