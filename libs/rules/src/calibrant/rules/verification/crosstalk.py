"""Tests of a crosstalk matrix, per amplifier, on the matrix itself and on what is left in frames corrected by it.

That nothing significant is left decides, as in Rubin's cp_verify, whose residual is measured in the same way as the matrix; here
with the square of the signal besides, so that a leak that is not proportional is seen where it was not asked for. So does that
most other amplifiers could be measured: what was not is not corrected. What is left of other detectors decides, too. How large and how
well known the coefficients are is told.
"""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, at_most


def _left(m: Mapping[str, float], limit: float) -> Judgement:
    words = (
        "amplifiers that are still shown significantly in corrected frames, with the square of the signal:"
    )
    return at_most(m["CROSSTALK_LEFT"], limit, words)


def _unmeasured(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["CROSSTALK_UNKNOWN"], limit, "part of the other amplifiers that could not be measured")


def _largest(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(abs(m["CROSSTALK_LARGEST"]), limit, "size of the strongest coefficient")


def _error(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["CROSSTALK_ERROR"], limit, "median standard error of the coefficients")


def _between(m: Mapping[str, float], limit: float) -> Judgement:
    words = "amplifiers of other detectors that are still shown significantly in corrected frames:"
    return at_most(m["CROSSTALK_BETWEEN"], limit, words)


NO_SIGNIFICANT_DETECTION = TestDefinition(
    name="NO_SIGNIFICANT_DETECTION",
    kind="crosstalk",
    level="amplifier",
    limit=0.0,
    unit="1",
    source="Rubin's cp_verify",
    summary="no other amplifier is shown significantly in frames that were corrected (value: how many are)",
    judge=_left,
    required=("CROSSTALK_LEFT",),
    once=True,
)

UNMEASURED = TestDefinition(
    name="UNMEASURED",
    kind="crosstalk",
    level="amplifier",
    limit=0.5,
    unit="1",
    source="ours",
    summary="part of the other amplifiers that could not be measured is at most the limit",
    judge=_unmeasured,
    required=("CROSSTALK_UNKNOWN",),
    once=True,
)

LARGEST = TestDefinition(
    name="LARGEST",
    kind="crosstalk",
    level="amplifier",
    limit=0.0019,
    unit="1",
    source="ours, with the limit of Rubin's eo_pipe for its sensors; advisory",
    summary="size of the strongest coefficient is at most the limit",
    judge=_largest,
    required=("CROSSTALK_LARGEST",),
    advisory=True,
    once=True,
)

ERROR = TestDefinition(
    name="ERROR",
    kind="crosstalk",
    level="amplifier",
    limit=1e-5,
    unit="1",
    source="ours; advisory",
    summary="median standard error of an amplifier's coefficients is at most the limit",
    judge=_error,
    required=("CROSSTALK_ERROR",),
    advisory=True,
    once=True,
)

BETWEEN_DETECTORS = TestDefinition(
    name="BETWEEN_DETECTORS",
    kind="crosstalk",
    level="amplifier",
    limit=0.0,
    unit="1",
    source="ours",
    summary="no amplifier of another detector is shown significantly in frames that were corrected (value: how many are)",
    judge=_between,
    required=(),
    optional={"CROSSTALK_BETWEEN": "no amplifier of another detector could be measured"},
    once=True,
)
