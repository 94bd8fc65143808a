"""Tests of gains from single pairs of flats, per amplifier, on the gains themselves (Rubin's cp_verify of flat pairs).

Upstream's test of the read noise is told and does not count: light that trails into the overscan of a flat adds to its noise,
and says nothing against the gain.
"""

from collections.abc import Mapping

from calibrant.rules.verification import judges
from calibrant.rules.verification.base import Judgement, TestDefinition, Verdict, at_most


def _noise(m: Mapping[str, float], limit: float) -> Judgement:
    nominal = m["NOMINAL_READ_NOISE"]
    if nominal <= 0:
        return Judgement(
            Verdict.FAIL,
            None,
            f"NOMINAL_READ_NOISE is {nominal:g}: give the amplifier's in the instrument file",
        )
    words = f"read noise {m['OVERSCAN_NOISE']:.4g} beside the nominal one {nominal:.4g}: relative difference"
    return at_most(abs(m["OVERSCAN_NOISE"] - nominal) / nominal, limit, words)


def _spread(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["GAIN_SPREAD"], limit, "spread of the gains of single pairs, relative to their mean")


GAIN = TestDefinition(
    name="GAIN",
    kind="gain",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify of gains from flat pairs",
    summary="gain and nominal gain agree within the limit",
    judge=judges.gain_near_nominal,
    required=("GAIN", "NOMINAL_GAIN"),
    once=True,
)

NOISE = TestDefinition(
    name="NOISE",
    kind="gain",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify of gains from flat pairs; advisory, since charge trails into overscans",
    summary="noise of the overscan by this gain and nominal read noise agree within the limit",
    judge=_noise,
    required=("NOMINAL_READ_NOISE",),
    optional={"OVERSCAN_NOISE": "needs overscan, which this amplifier has not"},
    advisory=True,
    once=True,
)

GAIN_SPREAD = TestDefinition(
    name="GAIN_SPREAD",
    kind="gain",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="ours",
    summary="the pairs agree: standard deviation of their gains over the mean is at most the limit",
    judge=_spread,
    required=(),
    optional={"GAIN_SPREAD": "one pair has nothing to agree with"},
    once=True,
)
