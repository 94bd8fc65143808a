"""What is handed to the workers: the jobs of plan nodes, each with the identity that determines its result."""

import json
from collections.abc import Iterable, Mapping, Sized
from typing import Any

from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput, Product, TaiTime, TimeRange
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.contracts.times import time_range
from calibrant.contracts.verify.v1 import DecideJob, InForce, MeasureJob
from calibrant.frames.correcting import chosen
from calibrant.frames.measured import BARRIERS
from calibrant.rules.identity import job_id
from calibrant.rules.rulesets import SetRule
from calibrant.rules.times import NS_PER_S
from calibrant.rules.validity import ValidityRule, default_range
from calibrant.rules.verification import tests_for
from calibrant.rules.version import verification_version
from calibrant.runtime.ids import derive
from calibrant.sequencer.plan.gating import as_message, gate_of_kind
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Node, NodeType
from calibrant.sequencer.plan.parameters import combining, parameters_of, unit_of
from calibrant.sequencer.plan.places import collection_of
from calibrant.sequencer.plan.sources import CROSSTALK, SOURCE_IMAGES, frame_input, sources_of

MEASURE_VERSION = "2"
"""Version of what a measure job asks for."""

DECIDE_VERSION = "2"
"""Version of what a decide job asks for."""


def head_job(ground: Ground, head: Node) -> CombineJob | MeasureJob:
    """Return the job of a head whose calibrations are chosen: build, or measure what is certified.

    Raises
    ------
    ValueError
        A measurement has no reference.
    """
    if head.type is NodeType.BUILD:
        return combine_job(ground, _rule(ground, head.kind), head)
    reference = next((used.product for used in head.used if used.role == head.kind), None)
    if reference is None:
        raise ValueError(f"{head.title} has no reference to be measured against")
    return measure_job(ground, head, reference)


def combine_job(ground: Ground, rule: SetRule, head: Node) -> CombineJob:
    """Return the job that builds a product of one detector."""
    parameters = combining(ground.request, rule.kind)
    frames, sources = _frames(ground, head.combined), sources_of(ground, head, head.combined)
    inputs = (*frames, *sources, *(_calibration(used.role, used.product) for used in head.used))
    return CombineJob(
        job_id=job_id(
            rule.kind,
            rule.recipe_version,
            ground.engine_version,
            ground.instrument_hash,
            _by_role(inputs),
            _values(parameters),
        ),
        recipe=rule.kind,
        recipe_version=rule.recipe_version,
        engine_version=ground.engine_version,
        instrument=ground.request.instrument,
        instrument_hash=ground.instrument_hash,
        detector=_detector(head),
        inputs=inputs,
        parameters=parameters,
        filter=head.filter,
        memory_bytes=ground.footprint.allowed_bytes(
            _detector(head),
            len(head.used) + _source_images(ground, head, sources),
            len(head.frames),
            whole=_whole(head),
        ),
    )


def measure_job(ground: Ground, head: Node, reference: Product) -> MeasureJob:
    """Return the job that measures a head's frames against a product, with the calibrations it was built with.

    Where frames were kept out of the product, only these.
    """
    kind = head.kind
    asked = chosen(parameters_of(ground.request, kind))
    calibrations = [_calibration(used.role, used.product) for used in head.used if used.role != kind]
    measured = head.held_out or head.frames
    frames = _frames(ground, measured)
    sources = sources_of(ground, head, measured) if _measured_again(kind) else []
    inputs = (*frames, *sources, *calibrations, _calibration(kind, reference))
    unit = unit_of(ground.request, kind)
    rules = verification_version()
    return MeasureJob(
        job_id=job_id(
            f"measure-{kind}",
            MEASURE_VERSION,
            ground.engine_version,
            ground.instrument_hash,
            _by_role(inputs),
            {"mode": ground.mode(kind).value, "unit": unit, "rules": rules, **_values(asked)},
        ),
        kind=kind,
        mode=ground.mode(kind),
        instrument=ground.request.instrument,
        instrument_hash=ground.instrument_hash,
        detector=_detector(head),
        reference=reference,
        inputs=inputs,
        engine_version=ground.engine_version,
        unit=unit,
        parameters=asked,
        rules_version=rules,
        memory_bytes=ground.footprint.allowed_bytes(
            _detector(head),
            len(calibrations) + 2 + _source_images(ground, head, sources),
            len(frames) if _all_at_once(kind) else 0,
            whole=_whole(head),
        ),
    )


def _source_images(ground: Ground, head: Node, sources: Sized) -> int:
    """Return how many images a job holds of other detectors at once: they are measured together, and taken out one by one."""
    if not sources:
        return 0
    return SOURCE_IMAGES * (len(ground.leaking_into(_detector(head))) if head.kind == CROSSTALK else 1)


def _whole(head: Node) -> bool:
    """Tell whether frames are corrected with what looks at all of a frame."""
    return any(used.role in BARRIERS for used in head.used)


def _all_at_once(kind: str) -> bool:
    """Tell whether a measure job has rows of all its frames at once, for the tests that are made once with all."""
    return any(test.once for test in tests_for(kind))


def _measured_again(kind: str) -> bool:
    """Tell whether a measure job corrects and measures frames; kinds that are tables are tested once, by what these say."""
    return not all(test.once for test in tests_for(kind))


def decide_job(
    ground: Ground,
    decide: Node,
    measures: Iterable[Node],
    missing: Mapping[int, str],
    in_force: Iterable[InForce] = (),
) -> DecideJob:
    """Return the job that joins a set's measurements through the gate.

    Parameters
    ----------
    ground : Ground
        What the plan stands on.
    decide : Node
        The decision.
    measures : iterable of Node
        What was measured.
    missing : mapping of detector to reason
        What was not.
    in_force : iterable of InForce
        What the new products are compared with; no part of the job's identity, so that a set that comes again is
        answered by the report that there is.
    """
    measured = list(measures)
    inputs = tuple(
        JobInput(role=role, id=node.job_id, ref=ref)
        for node in measured
        for role, ref in (("measurements", node.results), ("previews", node.preview))
        if ref is not None
    )
    told = {str(detector): reason for detector, reason in missing.items()}
    rules = verification_version()
    gate = gate_of_kind(ground.gate, ground.request, decide.kind)
    about = {
        "mode": ground.mode(decide.kind).value,
        "set": decide.set_key,
        "missing": told,
        "rules": rules,
        "gate": gate.model_dump(),
        "trends": ground.trends.model_dump(mode="json"),
        "comparison": ground.comparison.model_dump(mode="json"),
    }
    return DecideJob(
        job_id=job_id(
            f"decide-{decide.kind}",
            DECIDE_VERSION,
            ground.engine_version,
            ground.instrument_hash,
            _by_role(inputs),
            about,
        ),
        kind=decide.kind,
        mode=ground.mode(decide.kind),
        instrument=ground.request.instrument,
        set_key=decide.set_key,
        inputs=inputs,
        missing=dict(missing),
        rules_version=rules,
        gate=as_message(gate),
        in_force=tuple(in_force),
        known_at=TaiTime.from_ns(ground.begun_tai_ns),
        filter=next((node.product.filter for node in measured if node.product is not None), None),
    )


def certify_job(
    ground: Ground, decide: Node, products: Iterable[Product], validity: TimeRange, ask: str | None = None
) -> CertifyJob:
    """Return the job that certifies a set's accepted products, or one of them that a person is asked about.

    Certifying is an act, not a computation: its identifier belongs to the run, so each run is answered anew.
    """
    certified = tuple(products)
    one = () if ask is None else (certified[0].product_id,)
    again = (f"retry {ground.retries}",) if ground.retries else ()
    verb = "accepts" if ask is None else "is on"
    return CertifyJob(
        job_id=derive(ground.run_id, "certify", decide.kind, decide.set_key, *one, *again),
        products=certified,
        report_id=decide.report_id,
        collection=collection_of(ground.request),
        validity=validity,
        gives_way=True if ground.request.validity.end is None else None,
        requested_by=ground.request.requested_by,
        reason=f"report {decide.report_id} {verb} {decide.title} of run {ground.run_id}",
        ask=ask,
    )


def validity_of(request: RunRequested, rule: SetRule, first_begin_tai_ns: int) -> TimeRange | str:
    """Return the validity range of a set's products, or why there is none.

    Parameters
    ----------
    request : RunRequested
        Its sides are taken where given, and how long calibrations are valid.
    rule : SetRule
        Gives the missing sides; a missing end counts from the begin that was given.
    first_begin_tai_ns : int
        Start of the set's first frame, or of the run's where that counts, TAI ns.
    """
    lasting = rule.validity
    if request.valid_for_s is not None:
        lasting = ValidityRule(duration_s=round(request.valid_for_s))
    default = default_range(first_begin_tai_ns, lasting)
    asked = request.validity
    begin, end = default.begin_tai_ns, default.end_tai_ns
    if asked.begin is not None:
        begin = asked.begin.ns
        duration_s = lasting.duration_s
        end = None if duration_s is None else begin + duration_s * NS_PER_S
    if asked.end is not None:
        end = asked.end.ns
    if begin is not None and end is not None and end <= begin:
        return "the validity range would end before it begins: give both its begin and its end"
    return time_range(begin, end)


def _frames(ground: Ground, frame_ids: Iterable[str]) -> list[JobInput]:
    return [frame_input("frames", ground.frames[frame_id]) for frame_id in frame_ids]


def _calibration(role: str, product: Product) -> JobInput:
    return JobInput(role=role, id=product.product_id, ref=product.ref)


def _by_role(inputs: Iterable[JobInput]) -> dict[str, list[str]]:
    roles: dict[str, list[str]] = {}
    for each in inputs:
        roles.setdefault(each.role, []).append(each.id)
    return roles


def _values(parameters: Mapping[str, str]) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in parameters.items()}


def _rule(ground: Ground, kind: str) -> SetRule:
    rule = ground.rules.rule_for(kind)
    if rule is None:
        raise ValueError(f"rule set {ground.rules.name} has no rule for {kind}")
    return rule


def _detector(node: Node) -> int:
    if node.detector is None:
        raise ValueError(f"{node.type} {node.title} is about no single detector")
    return node.detector
