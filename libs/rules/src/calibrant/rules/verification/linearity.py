"""Tests of a linearity, per amplifier, on the product itself (Rubin's cp_verify; cp_pipe; ESA's VIS campaign, NL02).

Rubin corrects a ramp, fits it again, and looks at the correction that is found. Here the exposures are dealt out into two
halves: one is corrected by what comes of the other, so that the residual is not zero by construction. Of a polynomial Rubin's
limit is coarse (a coefficient of the square of 1e-6 per ADU is 5 % at 50 000 ADU); so what the residual is worth in percent
decides beside it.
"""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, at_most


def _residual(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["RESIDUAL"], limit, "residual correction over the limit of its curve")


def _residual_percent(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(
        m["RESIDUAL_PERCENT"], limit, "largest deviation in percent of exposures kept out of the fit"
    )


def _deviation(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["DEVIATION_PERCENT"], limit, "largest residual of a point in percent")


def _nonlinearity(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(
        abs(m["NONLINEARITY_PERCENT"]), limit, "largest deviation in percent of signals as they are read"
    )


def _stability(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["LAMP_PERCENT"], limit, "scatter in percent of the exposures that follow the lamp")


def _misfit(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["CHI2_RATIO"], limit, "chi squared of the fit over its degrees of freedom")


_FEW = "too few exposures to be split in halves that can each be fitted"

RESIDUAL = TestDefinition(
    name="RESIDUAL",
    kind="linearity",
    level="amplifier",
    limit=1.0,
    unit="1",
    source="Rubin's cp_verify, MAX_RESIDUAL_ERROR",
    summary="one half of the exposures, corrected by what the other half gives, wants no correction beyond the limit of the curve",
    judge=_residual,
    required=(),
    optional={"RESIDUAL": _FEW},
    once=True,
)

RESIDUAL_PERCENT = TestDefinition(
    name="RESIDUAL_PERCENT",
    kind="linearity",
    level="amplifier",
    limit=0.5,
    unit="%",
    source="ours; ESA's VIS campaign reports it",
    summary="that correction changes no signal by more than the limit, from a hundredth of the highest one on",
    judge=_residual_percent,
    required=(),
    optional={"RESIDUAL_PERCENT": _FEW},
    once=True,
)

DEVIATION = TestDefinition(
    name="DEVIATION",
    kind="linearity",
    level="amplifier",
    limit=1.0,
    unit="%",
    source="ours, with the limit of Rubin's cp_pipe, maxFracLinearityDeviation",
    summary="no point of the fit is further from the light than the limit, once it is corrected",
    judge=_deviation,
    required=("DEVIATION_PERCENT",),
    once=True,
)

NONLINEARITY = TestDefinition(
    name="NONLINEARITY",
    kind="linearity",
    level="amplifier",
    limit=2.0,
    unit="%",
    source="ours, with Rubin's limit of its sensors; advisory",
    summary="signals as they are read deviate from linear by at most the limit",
    judge=_nonlinearity,
    required=("NONLINEARITY_PERCENT",),
    advisory=True,
    once=True,
)

LAMP = TestDefinition(
    name="LAMP",
    kind="linearity",
    level="amplifier",
    limit=1.0,
    unit="%",
    source="ours, of what ESA's VIS campaign reports; advisory",
    summary="the exposures that follow the lamp scatter by at most the limit",
    judge=_stability,
    required=(),
    optional={"LAMP_PERCENT": "no exposures follow the lamp"},
    advisory=True,
    once=True,
)

CHI2 = TestDefinition(
    name="CHI2",
    kind="linearity",
    level="amplifier",
    limit=2.0,
    unit="1",
    source="ours; advisory",
    summary="the points scatter about the curve as their errors say: chi squared over degrees of freedom",
    judge=_misfit,
    required=(),
    optional={"CHI2_RATIO": "as many numbers were fitted as there are points"},
    advisory=True,
    once=True,
)
