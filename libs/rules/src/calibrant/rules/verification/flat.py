"""Tests of flat-fielded flats: noise per amplifier, evenness over a detector and an exposure (Rubin's cp_verify).

Two of upstream's tests are kept for comparison only, as advisory, each beside one that decides.

``NOISE`` (noise at most the square root of the mean level) holds for the wrong reason: it passes because the
frame is itself part of the flat that divides it. For ideal frames the ratio of noise to root mean is
sqrt(1 - 1/N) when the frame is one of the N combined and sqrt(1 + 1/N) when it is held out, 0.975 and 1.025 for
N = 20, with the read noise on top; a frame whose level varies, such as a lamp's spectrum, fails by factors.
``NOISE_MODEL`` decides instead: the noise against what photon, read and reference noise at the local level
predict, N accounted for. Its default tolerance is 10 %: a gain known to 10 % moves the ratio by 5 %, and
clipping or a median of few frames by another 5 %.

``SCATTER_ABSOLUTE`` compares the scatter of detector means with 0.05 in the frame's own unit, which means
something else for every exposure time; ``SCATTER`` of the exposure decides, relative to the mean level.
"""

import math
from collections.abc import Mapping

from calibrant.rules.verification import judges
from calibrant.rules.verification.base import Judgement, TestDefinition, Verdict, at_most


def _noise_below_root_mean(m: Mapping[str, float], limit: float) -> Judgement:
    if m["MEAN"] <= 0:
        return Judgement(
            Verdict.FAIL, None, f"the mean level is {m['MEAN']:.4g}: no light, or wrongly corrected"
        )
    return at_most(m["NOISE"] / math.sqrt(m["MEAN"]), limit, "noise over the root of the mean level")


def _noise_as_expected(m: Mapping[str, float], limit: float) -> Judgement:
    if m["NOISE_RATIO"] <= 0:
        return Judgement(
            Verdict.FAIL, None, f"NOISE_RATIO is {m['NOISE_RATIO']:g}: a lit amplifier has noise"
        )
    return at_most(m["NOISE_RATIO"] - 1.0, limit, "excess of the noise over the expected noise")


def _absolute_scatter(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["SCATTER"], limit, "scatter of the detectors' mean levels")


NOISE = TestDefinition(
    name="NOISE",
    kind="flat",
    level="amplifier",
    limit=1.0,
    unit="1",
    source="Rubin's cp_verify; advisory, see NOISE_MODEL",
    summary="noise is at most the square root of the mean level, in electrons (value: their ratio)",
    judge=_noise_below_root_mean,
    required=("NOISE", "MEAN"),
    optional={"IN_ELECTRONS": "the root of a level means photon noise in electrons only"},
    advisory=True,
)

NOISE_MODEL = TestDefinition(
    name="NOISE_MODEL",
    kind="flat",
    level="amplifier",
    limit=0.10,
    unit="1",
    source="ours, in place of NOISE",
    summary="noise exceeds the expected (photon, read and reference) noise by at most the limit; one-sided",
    judge=_noise_as_expected,
    required=("NOISE_RATIO",),
)

SCATTER_DETECTOR = TestDefinition(
    name="SCATTER",
    kind="flat",
    level="detector",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify",
    summary="standard deviation of the amplifiers' mean levels over their mean is at most the limit",
    judge=judges.relative_scatter,
    required=("MEAN",),
    optional={"SCATTER": "one amplifier has nothing to scatter against"},
)

SCATTER_EXPOSURE = TestDefinition(
    name="SCATTER",
    kind="flat",
    level="exposure",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, made relative",
    summary="standard deviation of the detectors' mean levels over their mean is at most the limit",
    judge=judges.relative_scatter,
    required=("MEAN",),
    optional={"SCATTER": "one detector has nothing to scatter against"},
)

SCATTER_ABSOLUTE = TestDefinition(
    name="SCATTER_ABSOLUTE",
    kind="flat",
    level="exposure",
    limit=0.05,
    unit="electron",
    source="Rubin's cp_verify as it is; advisory",
    summary="standard deviation of the detectors' mean levels is at most the limit",
    judge=_absolute_scatter,
    required=(),
    optional={"SCATTER": "one detector has nothing to scatter against"},
    advisory=True,
)
