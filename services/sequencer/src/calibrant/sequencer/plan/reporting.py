"""What came of each set of a run, detector by detector, in the contract's words; must not know how frames came."""

from collections.abc import Iterable

from calibrant.contracts.sequencer.v1 import SetReport, WithheldReport
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType


def set_reports(draft: Draft) -> list[SetReport]:
    """Return what came of each set, in build order."""
    heads: dict[tuple[int, str, str], list[Node]] = {}
    for node in draft:
        if node.set_key and node.detector is not None:
            heads.setdefault((node.rank, node.kind, node.set_key), []).append(node)
    return [_set_report(draft, nodes) for _, nodes in sorted(heads.items(), key=lambda one: one[0])]


def left_out(draft: Draft) -> list[str]:
    """Return why frames went into no set, and why kinds that were asked for were not made."""
    return [f"{node.kind}: {node.reason}" for node in draft if not node.set_key and node.reason]


def _set_report(draft: Draft, nodes: list[Node]) -> SetReport:
    decide = next(iter(draft.in_set(NodeType.DECIDE, nodes[0])), None)
    accepted = [] if decide is None else [one.detector for one in decide.decisions if one.accepted]
    return SetReport(
        kind=nodes[0].kind,
        set_key=nodes[0].set_key,
        made=_detectors(n for n in nodes if n.type is NodeType.BUILD and n.product is not None),
        verified=tuple(sorted(accepted)),
        with_failures=() if decide is None else decide.with_failures,
        certified=_detectors(n for n in nodes if n.type is NodeType.CERTIFY and n.state is NodeState.DONE),
        withheld=_withheld(nodes, decide),
        report_id=(decide.report_id or None) if decide is not None else None,
        noticed=() if decide is None else decide.findings,
    )


def _detectors(nodes: Iterable[Node]) -> tuple[int, ...]:
    return tuple(sorted(node.detector for node in nodes if node.detector is not None))


def _withheld(nodes: list[Node], decide: Node | None) -> tuple[WithheldReport, ...]:
    reasons: dict[str, list[int]] = {}
    for detector in sorted({node.detector for node in nodes if node.detector is not None}):
        reason = _reason([node for node in nodes if node.detector == detector], decide, detector)
        if reason:
            reasons.setdefault(reason, []).append(detector)
    return tuple(WithheldReport(detectors=tuple(found), reason=why) for why, found in reasons.items())


def _reason(nodes: list[Node], decide: Node | None, detector: int) -> str:
    """Return why a detector's part came to nothing; empty when it came to something, or has not ended."""
    certify = next((node for node in nodes if node.type is NodeType.CERTIFY), None)
    if certify is not None:
        return "" if certify.state is NodeState.DONE or not certify.ended else certify.reason
    vain = next((node for node in nodes if node.state in {NodeState.FAILED, NodeState.SKIPPED}), None)
    if vain is not None:
        return vain.reason
    decision = None if decide is None else decide.decision(detector)
    return "" if decision is None or decision.accepted else decision.reason
