"""Tests of a photon transfer curve, per amplifier, on the curve itself (Rubin's cp_verify; DMTN-101 16.1 to 16.4).

Gain and read noise decide, as upstream; so does that the read noise is the same at all levels. Upstream's limits of the
turnoff and of a00 are those of the sensors that Rubin bought, and the second one fails for every other vendor: they are told,
and do not count until an instrument file says what its sensors should show.

A curve whose lowest level is far above the read noise does not tell it. Where the fit's own error is so large that the test
would fail by chance, it is not applicable. Upstream divides squared deviations of the noise by their standard deviation, which
leaves that standard deviation itself, in electrons; here it is relative to the noise.
"""

from collections.abc import Mapping

from calibrant.rules.verification import judges
from calibrant.rules.verification.base import Judgement, TestDefinition, Verdict, at_most, told_at_most

FULL_WELL_E = 90_000.0
"""Charge that a curve of Rubin's sensors has to reach."""

_ADVICE = "the curve does not tell it well enough; take fainter flats"


def _pair_gain(m: Mapping[str, float], limit: float) -> Judgement:
    if m["GAIN"] <= 0:
        return Judgement(Verdict.FAIL, None, f"GAIN is {m['GAIN']:g}: a curve has one above zero")
    words = f"gain of single pairs {m['PAIR_GAIN']:.4g} beside that of the curve {m['GAIN']:.4g}: relative difference"
    return at_most(abs(m["PAIR_GAIN"] - m["GAIN"]) / m["GAIN"], limit, words)


def _noise(m: Mapping[str, float], limit: float) -> Judgement:
    nominal, error = m["NOMINAL_READ_NOISE"], m["PTC_NOISE_ERROR"]
    if nominal <= 0:
        return Judgement(
            Verdict.FAIL,
            None,
            f"NOMINAL_READ_NOISE is {nominal:g}: give the amplifier's in the instrument file",
        )
    off = abs(m["PTC_NOISE"] - nominal) / nominal
    words = f"read noise {m['PTC_NOISE']:.4g} ± {error:.2g} beside the nominal one {nominal:.4g}"
    return told_at_most(off, error / nominal, limit, words, _ADVICE)


def _noise_spread(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(
        m["NOISE_SPREAD"], limit, "spread of the overscan's noise over the pairs, relative to its mean"
    )


def _turnoff(m: Mapping[str, float], limit: float) -> Judgement:
    reached = m["TURNOFF"]
    if reached <= 0:
        return Judgement(Verdict.FAIL, None, f"TURNOFF is {reached:g}: a curve has light")
    return at_most(
        FULL_WELL_E / reached, limit, f"{FULL_WELL_E:g} electrons over the turnoff of {reached:.4g}:"
    )


def _a00(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(abs(m["A00"]), limit, f"size of a00 {m['A00']:.3g} ± {m['A00_ERROR']:.1g}:")


def _misfit(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["CHI2_RATIO"], limit, "chi squared of the fit over its degrees of freedom")


GAIN = TestDefinition(
    name="GAIN",
    kind="ptc",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, DMTN-101 16.1",
    summary="gain and nominal gain agree within the limit",
    judge=judges.gain_near_nominal,
    required=("GAIN", "NOMINAL_GAIN"),
    once=True,
)

PAIR_GAIN = TestDefinition(
    name="PAIR_GAIN",
    kind="ptc",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify of gains from flat pairs",
    summary="gain of the curve and of its pairs one by one, without the effect of a00, agree within the limit",
    judge=_pair_gain,
    required=("PAIR_GAIN", "GAIN"),
    once=True,
)

NOISE = TestDefinition(
    name="NOISE",
    kind="ptc",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, DMTN-101 16.2",
    summary="read noise of the curve and nominal read noise agree within the limit",
    judge=_noise,
    required=("PTC_NOISE", "NOMINAL_READ_NOISE"),
    optional={"PTC_NOISE_ERROR": "the fit found no read noise: it lies on its bound; take fainter flats"},
    once=True,
)

NOISE_INDEPENDENCE = TestDefinition(
    name="NOISE_INDEPENDENCE",
    kind="ptc",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, made relative",
    summary="the overscan's noise is the same in pairs of all levels: standard deviation over mean is at most the limit",
    judge=_noise_spread,
    required=(),
    optional={"NOISE_SPREAD": "needs overscan and two pairs"},
    once=True,
)

TURNOFF = TestDefinition(
    name="TURNOFF",
    kind="ptc",
    level="amplifier",
    limit=1.0,
    unit="1",
    source="Rubin's cp_verify, DMTN-101 16.3; advisory, a limit of its sensors",
    summary="the curve reaches 90 000 electrons (value: these over the turnoff)",
    judge=_turnoff,
    required=("TURNOFF",),
    advisory=True,
    once=True,
)

A00 = TestDefinition(
    name="A00",
    kind="ptc",
    level="amplifier",
    limit=4.56e-6,
    unit="1/electron",
    source="Rubin's cp_verify, DMTN-101 16.4; advisory, the largest size of its vendors",
    summary="size of a00, the brighter-fatter effect of a pixel on itself, is at most the limit",
    judge=_a00,
    required=("A00", "A00_ERROR"),
    advisory=True,
    once=True,
)

CHI2 = TestDefinition(
    name="CHI2",
    kind="ptc",
    level="amplifier",
    limit=2.0,
    unit="1",
    source="ours; advisory",
    summary="the pairs scatter about the curve as their errors say: chi squared over degrees of freedom",
    judge=_misfit,
    required=(),
    optional={"CHI2_RATIO": "as many numbers were fitted as there are pairs on the curve"},
    advisory=True,
    once=True,
)
