"""The end of a set: accepted products go to certify in one job, all others are withheld with their reason."""

from calibrant.contracts.base import Message
from calibrant.contracts.common.v1 import Product
from calibrant.sequencer.plan.jobs import certify_job, validity_of
from calibrant.sequencer.plan.model import Draft, Ground, Node, NodeState, NodeType


def settle_certification(draft: Draft, ground: Ground, node: Node) -> list[Message]:
    """Certify or withhold all of a set at once, when its decision has ended.

    Returns
    -------
    list of Message
        One job for the set, or nothing.
    """
    decide = next(iter(draft.in_set(NodeType.DECIDE, node)), None)
    if decide is None or not decide.ended:
        return []
    accepted: list[tuple[Node, Product]] = []
    for certify in draft.in_set(NodeType.CERTIFY, node):
        product, state, reason = _standing(draft, certify, decide)
        if product is None:
            draft.change(certify, state=state, reason=reason)
        else:
            accepted.append((certify, product))
    if not accepted:
        return []
    return _certify(draft, ground, decide, accepted)


def _certify(
    draft: Draft, ground: Ground, decide: Node, accepted: list[tuple[Node, Product]]
) -> list[Message]:
    rule = ground.rules.rule_for(decide.kind)
    begins = [n.begin_tai_ns for n in draft.in_set(NodeType.BUILD, decide) if n.begin_tai_ns is not None]
    validity = "its rule is gone" if rule is None else validity_of(ground.request, rule, min(begins))
    if isinstance(validity, str):
        for certify, product in accepted:
            draft.change(certify, state=NodeState.WITHHELD, product=product, reason=validity)
        return []
    job = certify_job(ground, decide, [product for _, product in accepted], validity)
    for certify, product in accepted:
        draft.change(certify, state=NodeState.SENT, job_id=job.job_id, product=product)
    return [job]


def _standing(draft: Draft, certify: Node, decide: Node) -> tuple[Product | None, NodeState, str]:
    """Return the product to certify, or the state and the reason for which there is none."""
    build = draft.beside(NodeType.BUILD, certify)
    measure = draft.beside(NodeType.MEASURE, certify)
    decision = None if certify.detector is None else decide.decision(certify.detector)
    if build is None or build.product is None:
        skipped = build is not None and build.state is NodeState.SKIPPED
        state = NodeState.SKIPPED if skipped else NodeState.WITHHELD
        return None, state, f"not built: {'' if build is None else build.reason}"
    if measure is not None and measure.state is NodeState.FAILED:
        return None, NodeState.WITHHELD, f"not verified: {measure.reason}"
    if decide.state is not NodeState.DONE:
        return None, NodeState.WITHHELD, f"not decided: {decide.reason}"
    if decision is None:
        return None, NodeState.WITHHELD, f"report {decide.report_id} says nothing of this detector"
    if not decision.accepted:
        return None, NodeState.WITHHELD, decision.reason
    return build.product, NodeState.SENT, ""
