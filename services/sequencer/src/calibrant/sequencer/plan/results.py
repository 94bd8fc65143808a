"""What an answer changes: the nodes that sent the job end. An answer nobody waits for changes nothing."""

from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused, DecisionMade
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.contracts.verify.v1 import MeasurementCompleted, VerificationCompleted
from calibrant.sequencer.plan.model import PENDING, Draft, Node, NodeState, NodeType

Answer = (
    JobDone
    | JobFailed
    | MeasurementCompleted
    | VerificationCompleted
    | CalibrationCertified
    | CertificationRefused
    | DecisionMade
)


def product_told_of(answer: Answer) -> str | None:
    """Return the one product that an answer is about, where its job is about many; None: about all of them."""
    match answer:
        case CalibrationCertified():
            return answer.product.product_id
        case CertificationRefused() | DecisionMade():
            return answer.product_id
        case _:
            return None


def take_answer(draft: Draft, answer: Answer) -> None:
    """Apply a worker's answer to the nodes that wait for it, whatever run asked first."""
    for node in draft:
        if node.job_id == answer.job_id and node.state in PENDING:
            _apply(draft, node, answer)


def _apply(draft: Draft, node: Node, answer: Answer) -> None:
    match answer:
        case JobFailed():
            draft.change(node, state=NodeState.FAILED, reason=answer.reason or answer.error)
        case JobDone() if node.type is NodeType.BUILD:
            _built(draft, node, answer)
        case MeasurementCompleted() if node.type is NodeType.MEASURE:
            draft.change(node, state=NodeState.DONE, results=answer.results, preview=answer.preview)
        case VerificationCompleted() if node.type is NodeType.DECIDE:
            draft.change(
                node,
                state=NodeState.DONE,
                report_id=answer.report_id,
                outcome=answer.outcome,
                decisions=answer.decisions,
                findings=answer.findings,
            )
        case CalibrationCertified() if _about(node, answer):
            draft.change(
                node,
                state=NodeState.DONE,
                report_id=answer.report_id,
                certification_id=answer.certification_id,
                validity=answer.validity,
                reason="",
                notes=(*node.notes, "certified before, unchanged") if answer.unchanged else node.notes,
            )
        case CertificationRefused() if _about(node, answer):
            draft.change(
                node, state=NodeState.WITHHELD, reason=answer.reason, notes=(*node.notes, *answer.conflicts)
            )
        case DecisionMade() if _about(node, answer):
            _decided(draft, node, answer)
        case _:
            return


def _built(draft: Draft, node: Node, answer: JobDone) -> None:
    wanted = (p for p in answer.products if (p.kind, p.detector) == (node.kind, node.detector))
    product = next(wanted, None)
    if product is None:
        reason = f"the job ended without a {node.kind} of detector {node.detector}: run again, and look at combine's log"
        draft.change(node, state=NodeState.FAILED, reason=reason)
    else:
        draft.change(node, state=NodeState.DONE, product=product)


def _decided(draft: Draft, node: Node, answer: DecisionMade) -> None:
    """Take a person's decision: what is accepted is with certify again, what is rejected ends."""
    told = f"by {answer.decided_by}: {answer.reason}"
    if answer.accepted:
        notes = (*node.notes, f"accepted {told}")
        draft.change(node, state=NodeState.SENT, decided="accepted", reason="", notes=notes)
    else:
        draft.change(node, state=NodeState.WITHHELD, decided="rejected", reason=f"rejected {told}")


def _about(node: Node, answer: Answer) -> bool:
    return node.type is NodeType.CERTIFY and node.product_id == product_told_of(answer)
