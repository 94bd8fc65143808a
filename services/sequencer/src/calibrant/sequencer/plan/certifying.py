"""The end of a set: what may be certified goes to certify, what needs a person is asked, the rest is withheld.

What a person is asked about goes out one by one, all else of the set in one job.
"""

from dataclasses import dataclass

from calibrant.contracts.base import Message
from calibrant.contracts.common.v1 import Product, TimeRange
from calibrant.contracts.verify.v1 import DetectorDecision, Score
from calibrant.rules.modes import Course, way_of
from calibrant.rules.scores import Colour
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.jobs import certify_job, validity_of
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType

COLOURS = {Score.GREEN: Colour.GREEN, Score.RED: Colour.RED}


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is to become of a certify node: a job about its product, asked or not; or its end."""

    certify: Node
    product: Product | None
    state: NodeState
    reason: str


def settle_certification(draft: Draft, ground: Ground, node: Node) -> list[Message]:
    """Certify, ask about or withhold all of a set at once, when its decision has ended.

    Returns
    -------
    list of Message
        One job for all that is certified, one for each product that a person is asked about.
    """
    if ground.unverified:
        _withhold_unverified(draft, node)
        return []
    decide = next(iter(draft.in_set(NodeType.DECIDE, node)), None)
    if decide is None or not decide.ended:
        return []
    waiting = [one for one in draft.in_set(NodeType.CERTIFY, node) if one.state is NodeState.WAITING]
    standings = [_standing(draft, ground, one, decide) for one in waiting]
    for one in standings:
        if one.product is None:
            draft.change(one.certify, state=one.state, reason=one.reason)
    going = [one for one in standings if one.product is not None]
    if not going:
        return []
    rule = ground.rules.rule_for(decide.kind)
    begin = _begin_of(draft, ground, decide)
    validity = "its rule is gone" if rule is None else validity_of(ground.request, rule, begin)
    if isinstance(validity, str):
        for one in going:
            draft.change(one.certify, state=NodeState.WITHHELD, product=one.product, reason=validity)
        return []
    return _send(draft, ground, decide, going, validity)


def _withhold_unverified(draft: Draft, certify: Node) -> None:
    """End a certification in a run that verifies nothing: what was made is withheld."""
    build = draft.beside(NodeType.BUILD, certify)
    if build is None or not build.ended:
        return
    if build.product is None:
        state = NodeState.SKIPPED if build.state is NodeState.SKIPPED else NodeState.WITHHELD
        draft.change(certify, state=state, reason=f"not built: {build.reason}")
    else:
        draft.change(
            certify, state=NodeState.WITHHELD, product=build.product, reason="not verified, as asked"
        )


def _begin_of(draft: Draft, ground: Ground, decide: Node) -> int:
    """Return when the set's first frame begins, TAI ns; the run's first frame, where validity counts from the run."""
    if ground.request.valid_for_s is not None:
        return min(frame.begin.ns for frame in ground.frames.values())
    builds = draft.in_set(NodeType.BUILD, decide)
    return min(build.begin_tai_ns for build in builds if build.begin_tai_ns is not None)


def _send(
    draft: Draft, ground: Ground, decide: Node, going: list[_Standing], validity: TimeRange
) -> list[Message]:
    at_once = [one for one in going if one.state is NodeState.SENT]
    groups: list[tuple[list[_Standing], str | None]] = [(at_once, None)] if at_once else []
    groups += [([one], one.reason) for one in going if one.state is NodeState.ASKED]
    jobs: list[Message] = []
    for group, ask in groups:
        products = [one.product for one in group if one.product is not None]
        job = certify_job(ground, decide, products, validity, ask)
        for one in group:
            fields = {"job_id": job.job_id, "product": one.product, "reason": one.reason}
            draft.change(one.certify, state=one.state, **fields)
        jobs.append(job)
    return jobs


def _standing(draft: Draft, ground: Ground, certify: Node, decide: Node) -> _Standing:
    build = draft.beside(NodeType.BUILD, certify)
    measure = draft.beside(NodeType.MEASURE, certify)
    decision = None if certify.detector is None else decide.decision(certify.detector)
    if build is None or build.product is None:
        skipped = build is not None and build.state is NodeState.SKIPPED
        state = NodeState.SKIPPED if skipped else NodeState.WITHHELD
        return _Standing(certify, None, state, f"not built: {'' if build is None else build.reason}")
    if measure is not None and measure.state is NodeState.FAILED:
        return _Standing(certify, None, NodeState.WITHHELD, f"not verified: {measure.reason}")
    if decide.state is not NodeState.DONE:
        return _Standing(certify, None, NodeState.WITHHELD, f"not decided: {decide.reason}")
    if decision is None:
        reason = f"report {decide.report_id} says nothing of this detector"
        return _Standing(certify, None, NodeState.WITHHELD, reason)
    return _by_mode(ground, certify, build.product, decision)


def _by_mode(ground: Ground, certify: Node, product: Product, decision: DetectorDecision) -> _Standing:
    """Certify, ask or withhold as the mode of the kind has it."""
    way = way_of(
        ground.mode_of(certify.kind),
        accepted=decision.accepted,
        reason=decision.reason,
        score=Colour.GREY if decision.score is None else COLOURS.get(decision.score, Colour.GREY),
        score_reason=decision.score_reason or "",
    )
    states = {Course.CERTIFY: NodeState.SENT, Course.ASK: NodeState.ASKED}
    if way.course is Course.WITHHOLD:
        return _Standing(certify, None, NodeState.WITHHELD, way.because)
    return _Standing(certify, product, states[way.course], way.because)
