"""The last result of every kind of calibration in every detector: written as plan nodes end, read at ``/status``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel import Session, col, select

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.runtime.clock import utc_text
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType
from calibrant.sequencer.store.queued import ResultRow

_OF_CALIBRATIONS = {
    NodeState.DONE: "certified",
    NodeState.WITHHELD: "withheld",
    NodeState.FAILED: "failed",
}


def keep_results(
    session: Session, asked: RunRequested, draft: Draft, ended: Iterable[Node], now_tai_ns: int
) -> None:
    """Note what became of kinds in detectors.

    Parameters
    ----------
    session : Session
        The transaction.
    asked : RunRequested
        What the run was asked for.
    draft : Draft
        Its plan, with the decisions that were taken.
    ended : iterable of Node
        Nodes of the run that have ended now.
    now_tai_ns : int
        Now, TAI ns.
    """
    for node in ended:
        for facts in _results(asked, draft, node):
            about: dict[str, Any] = {
                "instrument": asked.instrument,
                "kind": node.kind,
                "filter": node.filter or "",
            }
            session.merge(ResultRow(run_id=asked.run_id, at_tai_ns=now_tai_ns, **about, **facts))


def last_results(session: Session) -> list[dict[str, Any]]:
    """Return the last results, by instrument, kind, detector and filter."""
    order = (
        col(ResultRow.instrument),
        col(ResultRow.kind),
        col(ResultRow.detector),
        col(ResultRow.filter),
    )
    rows = session.exec(select(ResultRow).order_by(*order)).all()
    return [{**row.model_dump(), "at": utc_text(row.at_tai_ns)} for row in rows]


def _results(asked: RunRequested, draft: Draft, node: Node) -> list[dict[str, Any]]:
    """Return what a node says of detectors: one that certifies, or a decision where nothing is built."""
    verdict = _OF_CALIBRATIONS.get(node.state)
    if node.type is NodeType.CERTIFY and verdict is not None and node.detector is not None:
        if node.state is NodeState.DONE:
            verdict += _with_failures(draft.in_set(NodeType.DECIDE, node), node.detector)
        found = {"detector": node.detector, "verdict": verdict, "product_id": node.product_id}
        return [found | {"reason": node.reason}]
    builds = asked.generate or node.kind in asked.build
    if node.type is not NodeType.DECIDE or node.state is not NodeState.DONE or builds:
        return []
    return [
        {
            "detector": one.detector,
            "verdict": "passed" + _with_failures([node], one.detector) if one.accepted else "not passed",
            "product_id": one.product_id,
            "reason": "" if one.accepted else one.reason,
        }
        for one in node.decisions
    ]


def _with_failures(decided: Iterable[Node], detector: int) -> str:
    return " with failures" if any(detector in node.with_failures for node in decided) else ""
