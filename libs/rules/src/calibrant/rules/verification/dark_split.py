"""Split-sample tests of darks, made once with all of them: the even ones against the odd (DMTN-101 5.5 to 5.7)."""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, Verdict, at_most

TOO_FEW = "needs at least four darks that can be read"


def _no_difference(m: Mapping[str, float], limit: float) -> Judgement:
    if m["SPLIT_NOISE"] <= 0:
        return Judgement(Verdict.FAIL, None, f"SPLIT_NOISE is {m['SPLIT_NOISE']:g}: real darks have some")
    ratio = abs(m["SPLIT_MEAN"]) / m["SPLIT_NOISE"]
    return at_most(ratio, limit, "difference of even and odd darks over its noise")


def _noise_as_expected(m: Mapping[str, float], limit: float) -> Judgement:
    if m["SPLIT_EXPECTED"] <= 0:
        return Judgement(
            Verdict.FAIL, None, "no noise is expected: give the amplifier's read noise in its file"
        )
    excess = (m["SPLIT_NOISE"] - m["SPLIT_EXPECTED"]) / m["SPLIT_EXPECTED"]
    return at_most(excess, limit, "excess of the noise of the difference over what is expected")


SPLIT_MEAN = TestDefinition(
    name="SPLIT_MEAN",
    kind="dark",
    level="amplifier",
    limit=0.5,
    unit="1",
    source="DMTN-101 5.5 and 5.6, which cp_verify does not make",
    summary="|mean| of the even darks' mean less the odd darks' is at most the limit times its noise",
    judge=_no_difference,
    required=(),
    optional={"SPLIT_MEAN": TOO_FEW, "SPLIT_NOISE": TOO_FEW},
    once=True,
)

SPLIT_NOISE = TestDefinition(
    name="SPLIT_NOISE",
    kind="dark",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="DMTN-101 5.7, which cp_verify does not make",
    summary="noise of that difference exceeds what read noise explains by at most the limit; one-sided",
    judge=_noise_as_expected,
    required=(),
    optional={"SPLIT_NOISE": TOO_FEW, "SPLIT_EXPECTED": TOO_FEW},
    once=True,
)
