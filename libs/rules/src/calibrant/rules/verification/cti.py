"""Tests of charge transfer, per amplifier, on its own tables: one of each for transfers along rows and along columns.

Rubin's cp_verify has none. What decides is whether a correction can be trusted: that the inefficiency is well known, and that the
transfers which were solved for leave none of it. How large it is, is told beside the limits of Rubin's sensors, and does not
count: what is measured is put back.
"""

from collections.abc import Mapping

from calibrant.rules.verification.base import TOLD, Judgement, TestDefinition, Verdict, at_most

ABSENT = "no overscan is read behind the image in this direction"


def _size(way: str) -> TestDefinition:
    def judge(m: Mapping[str, float], limit: float) -> Judgement:
        value, error = m[f"{way}_CTI"], m[f"{way}_CTI_ERROR"]
        return at_most(value, limit, f"inefficiency of one transfer {value:.3g} ± {error:.1g}:")

    limits = {"SERIAL": 5e-6, "PARALLEL": 3e-6}
    return TestDefinition(
        name=f"{way}_CTI",
        kind="cti",
        level="amplifier",
        limit=limits[way],
        unit="1",
        source="ours, with LSST's limit of its sensors; advisory",
        summary=f"inefficiency of one {way.lower()} transfer is at most the limit",
        judge=judge,
        required=(),
        optional={f"{way}_CTI": ABSENT, f"{way}_CTI_ERROR": ABSENT},
        advisory=True,
        once=True,
    )


def _error(way: str) -> TestDefinition:
    def judge(m: Mapping[str, float], limit: float) -> Judgement:
        return at_most(m[f"{way}_CTI_ERROR"], limit, "standard error of the inefficiency")

    return TestDefinition(
        name=f"{way}_ERROR",
        kind="cti",
        level="amplifier",
        limit=1e-6,
        unit="1",
        source="ours",
        summary=f"standard error of the inefficiency of one {way.lower()} transfer is at most the limit",
        judge=judge,
        required=(),
        optional={f"{way}_CTI_ERROR": ABSENT},
        once=True,
    )


def _residual(way: str) -> TestDefinition:
    def judge(m: Mapping[str, float], limit: float) -> Judgement:
        left, error = m[f"{way}_RESIDUAL"], m[f"{way}_RESIDUAL_ERROR"]
        words = f"inefficiency that the correction leaves, {left:.2g} ± {error:.1g}"
        if limit < abs(left) <= TOLD * error:
            return Judgement(
                Verdict.NOT_APPLICABLE, abs(left), f"{words}: the flats do not tell it well enough; take more"
            )
        return at_most(abs(left), limit, f"{words}: size")

    return TestDefinition(
        name=f"{way}_RESIDUAL",
        kind="cti",
        level="amplifier",
        limit=5e-7,
        unit="1",
        source="ours",
        summary=f"what the solved {way.lower()} transfers leave of the inefficiency is at most the limit",
        judge=judge,
        required=(),
        optional={f"{way}_RESIDUAL": ABSENT, f"{way}_RESIDUAL_ERROR": ABSENT},
        once=True,
    )


def _edge(m: Mapping[str, float], limit: float) -> Judgement:
    return at_most(
        abs(m["HARD_EDGE"]), limit, f"first overscan pixel over the signal {m['HARD_EDGE']:.3g}: size"
    )


SERIAL_CTI, PARALLEL_CTI = _size("SERIAL"), _size("PARALLEL")
SERIAL_ERROR, PARALLEL_ERROR = _error("SERIAL"), _error("PARALLEL")
SERIAL_RESIDUAL, PARALLEL_RESIDUAL = _residual("SERIAL"), _residual("PARALLEL")

HARD_EDGE = TestDefinition(
    name="HARD_EDGE",
    kind="cti",
    level="amplifier",
    limit=1.5e-3,
    unit="1",
    source="ours, with vison's limit; advisory",
    summary="response of the first serial overscan pixel, charge and electronics together, is at most the limit",
    judge=_edge,
    required=(),
    optional={"HARD_EDGE": "no flat has signals from 10 000 to 50 000 ADU, or its overscan is too short"},
    advisory=True,
    once=True,
)
