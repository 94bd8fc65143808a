"""How much of a product may be unusable, whatever its kind: one test a kind, of the detector.

A narrow clip, few frames that are masked, or a list of defects that is wrong leave pixels without a good sample. They are
BAD, and every other test leaves them out: it judges what is left, be it ever so little.
"""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, TestDefinition, at_most


def _usable(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(m["BAD_FRACTION"], limit, "fraction of the product's pixels that are BAD")


def _of(kind: str) -> TestDefinition:
    return TestDefinition(
        name="BAD_FRACTION",
        kind=kind,
        level="detector",
        limit=0.10,
        unit="1",
        source="ours; Rubin counts bad pixels and judges none",
        summary="fraction of the product's pixels that are BAD is at most the limit",
        judge=_usable,
        required=("BAD_FRACTION",),
    )


BIAS, DARK, FLAT = (_of(kind) for kind in ("bias", "dark", "flat"))
