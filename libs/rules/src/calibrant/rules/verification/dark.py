"""Tests of dark frames against a combined dark, per amplifier (Rubin's cp_verify; DMTN-101 5.2 to 5.4)."""

from calibrant.rules.verification import judges
from calibrant.rules.verification.base import TestDefinition

MEAN = TestDefinition(
    name="MEAN",
    kind="dark",
    level="amplifier",
    limit=1.0,
    unit="1",
    source="Rubin's cp_verify, DMTN-101 5.2",
    summary="|mean| of the dark-subtracted frame is below its noise (value: their ratio)",
    judge=judges.mean_below_noise,
    required=("MEAN", "NOISE"),
)

NOISE = TestDefinition(
    name="NOISE",
    kind="dark",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, DMTN-101 5.3",
    summary="clipped noise exceeds the expected read noise by at most the limit; one-sided",
    judge=judges.noise_near_read_noise,
    required=("NOISE", "READ_NOISE"),
)

CR_NOISE = TestDefinition(
    name="CR_NOISE",
    kind="dark",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, DMTN-101 5.4",
    summary="clipped noise and noise after cosmic-ray repair agree within the limit",
    judge=judges.noise_without_cosmic_rays,
    required=("NOISE",),
    optional={"CR_NOISE": "no search for cosmic rays was made"},
)

PROCESSING = TestDefinition(
    name="PROCESSING",
    kind="dark",
    level="amplifier",
    limit=0.0,
    unit="1",
    source="Rubin's cp_verify",
    summary="the frame was processed without error",
    judge=judges.processed,
    required=("PROCESSING_ERRORS",),
)

READ_NOISE_CONSISTENT = TestDefinition(
    name="READ_NOISE_CONSISTENT",
    kind="dark",
    level="amplifier",
    limit=0.05,
    unit="1",
    source="Rubin's cp_verify, after its verdict; so advisory",
    summary="noise of the overscan exceeds the nominal read noise by at most the limit",
    judge=judges.overscan_near_read_noise,
    required=("NOMINAL_READ_NOISE",),
    optional={"OVERSCAN_NOISE": "needs overscan, which this amplifier has not"},
    advisory=True,
)
