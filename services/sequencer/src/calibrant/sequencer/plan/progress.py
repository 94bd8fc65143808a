"""What may go on now: every node whose inputs are decided gets its job, or ends with the reason."""

from calibrant.contracts.base import Message
from calibrant.sequencer.plan.certifying import settle_certification
from calibrant.sequencer.plan.comparing import standing
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.inputs import settle_head
from calibrant.sequencer.plan.jobs import decide_job, measure_job
from calibrant.sequencer.plan.model import ENDED, Draft, Node, NodeState, NodeType


def advance(draft: Draft, ground: Ground) -> list[Message]:
    """Let a plan go on as far as it can.

    Parameters
    ----------
    draft : Draft
        The run's nodes; changed in place.
    ground : Ground
        What the plan stands on.

    Returns
    -------
    list of Message
        Jobs to send, each once: their nodes are no longer waiting.
    """
    jobs: list[Message] = []
    while True:
        before = draft.changes
        for rule in ground.rules.rules:
            for node_type in NodeType:
                for node in draft.of(node_type, rule.kind):
                    if draft.get(node.node_id) is node and node.state is NodeState.WAITING:
                        jobs += _settle(draft, ground, node)
        if draft.changes == before:
            return jobs


def _settle(draft: Draft, ground: Ground, node: Node) -> list[Message]:
    if node.type is ground.head(node.kind):
        return settle_head(draft, ground, node)
    if node.type is NodeType.MEASURE:
        return _settle_measure(draft, ground, node)
    if node.type is NodeType.DECIDE:
        return _settle_decide(draft, ground, node)
    return settle_certification(draft, ground, node)


def _settle_measure(draft: Draft, ground: Ground, measure: Node) -> list[Message]:
    build = draft.beside(NodeType.BUILD, measure)
    if build is None or not build.ended:
        return []
    if build.product is None:
        draft.change(measure, state=NodeState.SKIPPED, reason=f"not built: {build.reason}")
        return []
    job = measure_job(ground, build, build.product)
    draft.change(measure, state=NodeState.SENT, job_id=job.job_id, product=build.product)
    return [job]


def _settle_decide(draft: Draft, ground: Ground, decide: Node) -> list[Message]:
    """Decide when all of the set is measured and no part of its family may still be split off to it."""
    heads = draft.of(ground.head(decide.kind), decide.kind)
    if any(n.family == decide.family and n.state is NodeState.WAITING for n in heads):
        return []
    measures = draft.in_set(NodeType.MEASURE, decide)
    if not all(node.state in ENDED for node in measures):
        return []
    measured = [node for node in measures if node.state is NodeState.DONE]
    missing = {
        node.detector: node.reason
        for node in (*draft.in_set(ground.head(decide.kind), decide), *measures)
        if node.detector is not None and node.ended and node.state is not NodeState.DONE
    }
    if not measured:
        reasons = "; ".join(dict.fromkeys(missing.values()))
        draft.change(decide, state=NodeState.SKIPPED, reason=f"nothing of the set was measured: {reasons}")
        return []
    job = decide_job(ground, decide, measured, missing, standing(draft, ground, measured))
    draft.change(decide, state=NodeState.SENT, job_id=job.job_id)
    return [job]
