"""What a flat leaves of the illumination of a frame (cp_verify has no test of it)."""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, at_most


def _even(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["ILLUMINATION"], limit, "brightest less faintest block over the mean")


ILLUMINATION = TestDefinition(
    name="ILLUMINATION",
    kind="flat",
    level="amplifier",
    limit=0.02,
    unit="1",
    source="ours; advisory until more lamps are known",
    summary="of 4 x 4 blocks of the flat-divided frame the brightest exceeds the faintest by at most the limit",
    judge=_even,
    required=("ILLUMINATION",),
    advisory=True,
)
